/** URLs as messages show them. */

/**
 * A URL, or `user:password@host:path`, without user name and password. A path, and `user@host:path`,
 * stay as they are.
 */
export function redactUrl(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1')
    .replace(/^[^/\\:@]+:[^/\\@][^@]*@(?=[^@:]+:)/, '');
}

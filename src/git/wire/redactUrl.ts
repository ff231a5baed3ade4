/** URLs as messages show them. */

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * A URL, or `user:password@host:path`, without user name, password and query. A path, and
 * `user@host:path`, stay as they are. In a URL that cannot be parsed the end of the password is unknown:
 * only what follows the last @ is shown.
 */
export function redactUrl(text: string): string {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return text.replace(/^[^/\\:@]+:[^/\\@][^@]*@(?=[^@:]+:)/, '');
  const rest = text.slice(scheme.length);
  if (!URL.canParse(text)) {
    const end = rest.lastIndexOf('@');
    return end === -1 ? text : `${scheme}…${rest.slice(end)}`;
  }
  const shown = scheme + rest.replace(/^[^/?#]*@/, '');
  return /^https?:/i.test(scheme) ? shown.replace(/[?#].*$/s, '') : shown;
}

/** A message with every URL in it redacted. */
export function redactUrls(text: string): string {
  return text.replace(/[a-z][a-z0-9+.-]*:\/\/[^\s'"`]+/gi, (word) => {
    return word.includes('@') ? redactUrl(word) : word;
  });
}

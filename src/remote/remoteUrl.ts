/** What the name of a remote means: a URL, `user@host:path` for ssh, or a path on this disk. */
import { fileURLToPath } from 'node:url';
import { GitStoreError } from '../errors.ts';

export type RemoteAddress =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'bundle'; readonly path: string }
  | { readonly kind: 'http'; readonly url: URL }
  | {
      readonly kind: 'ssh';
      /** `user@host` or `host`. */
      readonly host: string;
      readonly port: string | undefined;
      readonly path: string;
    }
  | {
      readonly kind: 'git';
      readonly host: string;
      readonly port: number;
      readonly path: string;
    };

const GIT_PORT = 9418;

/** @throws GitStoreError (`EINVAL`) for a URL that cannot be used */
export function parseRemoteUrl(text: string, format?: 'bundle'): RemoteAddress {
  if (text === '') throw invalid('it is empty');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return parseWithoutScheme(text, format);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid(`${redactUrl(text)} cannot be parsed`);
  }
  if (scheme === 'file') return local(fileURLToPath(url), format);
  if (format === 'bundle') throw invalid('a bundle is a file on this disk');
  if (scheme === 'http' || scheme === 'https') return { kind: 'http', url };
  if (scheme === 'ssh' || scheme === 'git+ssh' || scheme === 'ssh+git') {
    const user = url.username === '' ? '' : `${decodeURIComponent(url.username)}@`;
    const path = decodeURIComponent(url.pathname).replace(/^\/~/, '~');
    return ssh(user + unbracketed(url.hostname), url.port === '' ? undefined : url.port, path);
  }
  if (scheme === 'git') {
    const port = url.port === '' ? GIT_PORT : Number(url.port);
    const path = decodeURIComponent(url.pathname);
    return { kind: 'git', host: unbracketed(url.hostname), port, path };
  }
  throw invalid(`${scheme}: is not known`);
}

/** The URL without user name and password. */
export function redactUrl(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1');
}

function parseWithoutScheme(text: string, format: 'bundle' | undefined): RemoteAddress {
  // As in Git: a colon before the first slash; `C:\` is a drive.
  const remote = /^((?:[^/\\:[]*@)?(?:\[[^\]]*\]|[^/\\:]+)):(.*)$/s.exec(text);
  const isDrive = /^[a-z]:/i.test(text);
  if (remote === null || isDrive || format === 'bundle') return local(text, format);
  const [, host = '', path = ''] = remote;
  return ssh(host.replace(/\[|\]/g, ''), undefined, path);
}

function local(path: string, format: 'bundle' | undefined): RemoteAddress {
  return { kind: format === 'bundle' || path.endsWith('.bundle') ? 'bundle' : 'local', path };
}

/** What ssh would take for an option must not come from a URL. */
function ssh(host: string, port: string | undefined, path: string): RemoteAddress {
  if (host === '' || host.startsWith('-') || /@-|^@/.test(host)) {
    throw invalid(`${JSON.stringify(host)} is no host`);
  }
  if (path === '' || path.startsWith('-')) throw invalid(`${JSON.stringify(path)} is no path`);
  return { kind: 'ssh', host, port, path };
}

function unbracketed(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function invalid(why: string): GitStoreError {
  return new GitStoreError(`Not the URL of a remote: ${why}`, 'EINVAL');
}

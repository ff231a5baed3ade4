/** Parses the name of a remote: a URL, `user@host:path` for ssh, or a path on this disk. */

import { fileURLToPath } from 'node:url';
import { GitStoreError } from '../errors.ts';
import { redactUrl } from '../git/wire/redactUrl.ts';
import { isBucketAddress } from '../storage/places.ts';

export type RemoteAddress =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'bucket'; readonly location: string }
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
/** Characters that would end a line or a request of the protocol or a shell. */
const CONTROLS = /[\0-\x1f\x7f]/;

/** @throws GitStoreError (`EINVAL`) for an unsupported URL */
export function parseRemoteUrl(text: string, format?: 'bundle'): RemoteAddress {
  if (text === '') throw invalid('it is empty');
  if (isBucketAddress(text) && format !== 'bundle') return { kind: 'bucket', location: text };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return parseWithoutScheme(text, format);
  // The parser would silently drop tabs and line ends.
  checkCharacters(text);
  const url = parsed(text);
  if (scheme === 'file') return local(filePathOf(url), format);
  if (format === 'bundle') throw invalid('a bundle is a file on this disk');
  if (scheme === 'http' || scheme === 'https') return { kind: 'http', url };
  if (scheme === 'ssh' || scheme === 'git+ssh' || scheme === 'ssh+git') {
    const user = url.username === '' ? '' : `${decoded(url.username)}@`;
    const path = decoded(url.pathname).replace(/^\/~/, '~');
    return ssh(user + unbracketed(url.hostname), url.port === '' ? undefined : url.port, path);
  }
  if (scheme === 'git') {
    const port = url.port === '' ? GIT_PORT : Number(url.port);
    const path = decoded(url.pathname);
    return { kind: 'git', host: unbracketed(url.hostname), port, path };
  }
  throw invalid(`${scheme}: is not known`);
}

function parsed(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw invalid(`${redactUrl(text)} cannot be parsed`);
  }
}

function filePathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw invalid(`${redactUrl(url.href)} names no file on this disk`);
  }
}

/** Percent-decodes a part of a URL. The result must be a single line for the protocol. */
function decoded(part: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch {
    throw invalid('a percent sign in it is followed by no UTF-8');
  }
  if (CONTROLS.test(text)) throw invalid('it has control characters in it');
  return text;
}

function checkCharacters(text: string): void {
  if (CONTROLS.test(text)) throw invalid('it has control characters in it');
  if (!text.isWellFormed()) throw invalid('it is not UTF-8, as only paths on this disk may be');
}

function parseWithoutScheme(text: string, format: 'bundle' | undefined): RemoteAddress {
  // As in Git: a colon before the first slash means ssh; `C:\` is a drive.
  const remote = /^((?:[^/\\:[]*@)?(?:\[[^\]]*\]|[^/\\:]+)):(.*)$/s.exec(text);
  const isDrive = /^[a-z]:/i.test(text);
  if (remote === null || isDrive || format === 'bundle') return local(text, format);
  const [, host = '', path = ''] = remote;
  checkCharacters(text);
  return ssh(host.replace(/\[|\]/g, ''), undefined, path);
}

function local(path: string, format: 'bundle' | undefined): RemoteAddress {
  return { kind: format === 'bundle' || path.endsWith('.bundle') ? 'bundle' : 'local', path };
}

/** Refuses parts of a URL that ssh would take for an option. */
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

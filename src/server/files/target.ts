/**
 * Paths of a store as URLs, both ways. In a URL a name is its bytes, percent-encoded (RFC 3986, 2.1),
 * so names that are no UTF-8 have URLs too. `%2F` counts as a slash: no name can hold one.
 */
import { decodePath, encodePath } from '../../git/pathBytes.ts';
import { normalizePath } from '../../tree/paths.ts';
import { HttpError } from './httpError.ts';

/** What a request asks for. */
export interface Target {
  /** Normalized; `''` is the root. */
  readonly path: string;
  /** Whether it was written with a slash at its end. */
  readonly slash: boolean;
  readonly query: URLSearchParams;
}

const NO_QUERY = new URLSearchParams();
const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
/** What a path may be made of for its text to be its meaning. */
const PLAIN = /^[!$&-~]*$/;

/**
 * The request target (RFC 9112, 3.2) as Node hands it on: one character a byte.
 * @param basePath `''` or `/data`: what stands before every path
 * @throws HttpError (400) for what is no path; (404) outside the base path
 * @throws InvalidPathError for `..` and NUL
 */
export function parseTarget(url: string, basePath: string): Target {
  const origin = url.startsWith('/') ? url : url.replace(ABSOLUTE_FORM, '') || '/';
  const mark = origin.indexOf('?');
  const encoded = mark < 0 ? origin : origin.slice(0, mark);
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(origin.slice(mark + 1));
  if (!encoded.startsWith('/') && encoded !== '') throw new HttpError(400, 'Not a path');
  let path = PLAIN.test(encoded) ? encoded : decodePercent(encoded);
  if (basePath !== '') {
    if (path !== basePath && !path.startsWith(`${basePath}/`)) {
      throw new HttpError(404, `Nothing is served outside ${basePath}/`);
    }
    path = path.slice(basePath.length);
  }
  return { path: normalizePath(path.slice(1)), slash: path.endsWith('/'), query };
}

function decodePercent(encoded: string): string {
  const bytes = Buffer.from(encoded, 'latin1');
  let filled = 0;
  for (let at = 0; at < bytes.length; at++) {
    let byte = bytes[at]!;
    if (byte === 0x25) {
      const digits = encoded.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) {
        throw new HttpError(400, "A '%' must be followed by two hex digits");
      }
      byte = Number.parseInt(digits, 16);
      at += 2;
    }
    bytes[filled++] = byte;
  }
  return decodePath(bytes, 0, filled);
}

/**
 * The path that a URL's path means where the URL stands in a text; characters beyond ASCII are taken as
 * their UTF-8. @throws HttpError (400) for what is no path
 */
export function decodeUrlPath(text: string): string {
  return decodePercent(Buffer.from(text).toString('latin1'));
}

/** A path in a URL, its slashes kept. */
export function encodeUrlPath(path: string): string {
  if (/^[A-Za-z0-9/._~-]*$/.test(path)) return path;
  let encoded = '';
  for (const byte of encodePath(path)) {
    const char = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9/._~-]/.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/**
 * The base path as `parseTarget` takes it: `/data` for `data`, `/data/`; `''` for `/`.
 * @throws InvalidPathError for `..` and NUL
 */
export function parseBasePath(text: string): string {
  const path = normalizePath(text);
  return path === '' ? '' : `/${path}`;
}

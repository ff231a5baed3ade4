/**
 * Which Content-Type a file of the store has. What a browser shows or plays by itself keeps its MIME
 * type. Any other text, which a browser would download (JSON, YAML, source code, Makefile, …), is
 * `text/plain`. Where the name does not settle it, the content does.
 */
import mime from 'mime';
import { baseName } from '../../tree/paths.ts';

const UTF8 = '; charset=utf-8';
export const PLAIN_TEXT = `text/plain${UTF8}`;
export const HTML = 'text/html; charset=utf-8';
export const BINARY = 'application/octet-stream';
export const JSON_TYPE = 'application/json; charset=utf-8';

/** Whether a file is text is decided by this many bytes. */
export const SAMPLE_SIZE = 8192;

export interface NamedType {
  /** The type, unless the content says that it is text. */
  readonly type: string;
  /** Whether the content has to be looked at: where it is text, the type is `text/plain`. */
  readonly unsure: boolean;
}

/** Text that a browser does not merely show: with its charset. */
const TEXT_FOR_BROWSERS = new Set(['text/html', 'text/css', 'text/javascript']);

const SHOWN =
  /^(?:image|audio|video|font)\/|^application\/(?:pdf|xml|xhtml\+xml|wasm|vnd\.ms-fontobject)$/;

/** Types whose names are mostly source code. */
const MISLEADING = /^video\/(?:mp2t|vnd\.dlna\.mpeg-tts)$/;

const TEXT = /^text\/|[+/](?:json|yaml|toml)$|^application\/(?:ld\+json|x-sh|sql|x-ndjson)$/;

const byExtension = new Map<string, NamedType>();
/** Names come from the store: they must not fill the memory. */
const MOST_EXTENSIONS = 2_000;

/** The type of a file by its name. */
export function typeOfName(path: string): NamedType {
  const name = baseName(path);
  const dot = name.lastIndexOf('.');
  const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
  let found = byExtension.get(extension);
  if (found === undefined) {
    found = typeOfExtension(extension);
    if (byExtension.size < MOST_EXTENSIONS) byExtension.set(extension, found);
  }
  return found;
}

function typeOfExtension(extension: string): NamedType {
  const type = /^[a-z0-9][a-z0-9+-]*$/.test(extension) ? mime.getType(`x.${extension}`) : null;
  if (type === null) return { type: BINARY, unsure: true };
  if (TEXT_FOR_BROWSERS.has(type)) return { type: `${type}${UTF8}`, unsure: false };
  if (MISLEADING.test(type)) return { type, unsure: true };
  if (TEXT.test(type)) return { type: PLAIN_TEXT, unsure: false };
  return { type, unsure: !SHOWN.test(type) };
}

/** Whether a type says that the text is UTF-8. */
export function saysUtf8(type: string): boolean {
  return type.endsWith(UTF8);
}

/** The type of a text in another encoding, which the browser is left to find out. */
export function withoutCharset(type: string): string {
  return type.slice(0, -UTF8.length);
}

/** What the beginning of a file tells of its text. */
export interface TextFacts {
  readonly isUtf8: boolean;
  /** Whether it is UTF-8 without control characters that no text has. */
  readonly isText: boolean;
}

/** @param cut whether the bytes are only the beginning, so that a character may be cut at their end */
export function textFacts(bytes: Uint8Array, cut: boolean): TextFacts {
  let isUtf8 = true;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: cut });
  } catch {
    isUtf8 = false;
  }
  return { isUtf8, isText: isUtf8 && !bytes.some(isNoTextByte) };
}

function isNoTextByte(byte: number): boolean {
  return byte < 0x20 && !(byte >= 0x07 && byte <= 0x0d) && byte !== 0x1b;
}

const SHRINKS =
  /^text\/|[+/](?:json|xml|javascript|wasm)\b|^image\/(?:bmp|vnd\.microsoft\.icon|x-icon)|^font\/(?:ttf|otf|collection)|^application\/(?:vnd\.ms-fontobject|rtf|postscript)/;

/** Whether files of this type are worth compressing on their way. */
export function isCompressible(type: string): boolean {
  return SHRINKS.test(type);
}

const ACTIVE = /^(?:text\/html|[^;]*[/+]xml)\b/;

/** Whether a browser may find code to run in it. */
export function isActive(type: string): boolean {
  return ACTIVE.test(type);
}

/**
 * Commits. A commit's body is *headers*, an empty line and the *message*. The headers are one
 * `tree`, any number of `parent`, `author`, `committer`, and then others that Git and other programs
 * add (`encoding`, `gpgsig`, `mergetag`, ...), whose values go on in lines that begin with a space.
 *
 * Reads malformed commits of real histories as well as Git does: only a commit without a usable tree or
 * parent line is corrupt.
 */

import { asBuffer } from '../../bytes.ts';
import { CorruptObjectError, GitStoreError } from '../../errors.ts';
import { isObjectId, type ObjectId } from '../objectId.ts';
import { decodePath } from '../pathBytes.ts';
import { decodeText, encodeTextAs } from '../textEncoding.ts';
import { type ExtraHeader, type HeaderLine, headerValue, splitHeaders } from './headers.ts';
import {
  formatIdentity,
  type Identity,
  PLAIN_IDENTITY,
  PLAIN_IDENTITY_GROUPS,
  parseIdentity,
  plainIdentity,
} from './identity.ts';

export type { ExtraHeader } from './headers.ts';
export {
  formatIdentity,
  formatOffset,
  type Identity,
  parseIdentity,
  parseOffset,
} from './identity.ts';

const TREE_KEY = 'tree ';
const PARENT_KEY = 'parent ';
const ID_DIGITS = 40;
const TREE_LINE = TREE_KEY.length + ID_DIGITS + 1;
const PARENT_LINE = PARENT_KEY.length + ID_DIGITS + 1;

/** The lines of tree and parents, exactly as Git writes them. */
const LINKS = 'tree [0-9a-f]{40}\\n(?:parent [0-9a-f]{40}\\n)*';
const PLAIN_LINKS = new RegExp(LINKS, 'y');
/** All headers of a commit without extra headers. */
const PLAIN_HEADERS = new RegExp(
  `(${LINKS})author ${PLAIN_IDENTITY}\\ncommitter ${PLAIN_IDENTITY}\\n\\n`,
  'y',
);

export interface Commit {
  readonly tree: ObjectId;
  readonly parents: readonly ObjectId[];
  readonly author: Identity;
  readonly committer: Identity;
  /** As stored, usually with a line feed at its end. */
  readonly message: string;
  /** Encoding of names and message, if there is a header; otherwise UTF-8. */
  readonly encoding?: string;
  /** All other headers in order. Continuation lines are joined by a line feed. */
  readonly extraHeaders: readonly ExtraHeader[];
}

/**
 * Reads a commit.
 * @param id only for the error
 * @throws CorruptObjectError when there is no usable tree or parent line
 */
export function parseCommit(body: Uint8Array, id?: ObjectId): Commit {
  const bytes = asBuffer(body);
  return parsePlainCommit(bytes) ?? parseAnyCommit(bytes, id);
}

/**
 * Parses a commit without extra headers, which is the usual case. Undefined for any other.
 *
 * Decodes the bytes once and matches them with one expression. That is quick from the first commit on.
 * Loops over the bytes are slow until they are compiled, and most histories end before that.
 */
function parsePlainCommit(bytes: Buffer): Commit | undefined {
  const text = bytes.toString('latin1');
  PLAIN_HEADERS.lastIndex = 0;
  const match = PLAIN_HEADERS.exec(text);
  if (match === null) return undefined;
  const [headers, links] = match as unknown as [string, string];
  const messageAt = headers.length;
  return {
    tree: treeIn(text),
    parents: parentsIn(text, links.length),
    author: plainIdentity(match, 2),
    committer: plainIdentity(match, 2 + PLAIN_IDENTITY_GROUPS),
    message: NOT_ASCII.test(text)
      ? decodePath(bytes, messageAt, bytes.length)
      : text.slice(messageAt),
    extraHeaders: NO_HEADERS,
  };
}

const NOT_ASCII = /[\x80-\xff]/;

const NO_HEADERS: readonly ExtraHeader[] = [];

function parseAnyCommit(body: Buffer, id: ObjectId | undefined): Commit {
  const { lines, message } = splitHeaders(body);
  const tree = lines[0]?.key === 'tree' ? lines[0].value : '';
  if (!isObjectId(tree)) throw corrupt('it names no tree', id);
  let at = 1;
  const parents: ObjectId[] = [];
  for (; lines[at]?.key === 'parent'; at++) {
    const parent = lines[at]!.value;
    if (!isObjectId(parent)) throw corrupt('a parent is no object id', id);
    parents.push(parent);
  }

  let author: HeaderLine | undefined;
  let committer: HeaderLine | undefined;
  let encoding: string | undefined;
  const others: HeaderLine[] = [];
  for (const line of lines.slice(at)) {
    if (line.key === 'author' && author === undefined) author = line;
    else if (line.key === 'committer' && committer === undefined) committer = line;
    else if (line.key === 'encoding' && encoding === undefined) encoding = line.value;
    else others.push(line);
  }
  return {
    tree,
    parents,
    author: parseIdentity(author ? headerValue(author, encoding) : ''),
    committer: parseIdentity(committer ? headerValue(committer, encoding) : ''),
    message: decodeText(message, encoding),
    ...(encoding !== undefined && { encoding }),
    extraHeaders: others.map((line) => ({ key: line.key, value: headerValue(line, encoding) })),
  };
}

/** The references of a commit. */
export type CommitLinks = Pick<Commit, 'tree' | 'parents'>;

/**
 * Reads only the tree and the parents of a commit, in a fraction of the time.
 * @throws CorruptObjectError as `parseCommit`
 */
export function parseCommitLinks(body: Uint8Array, id?: ObjectId): CommitLinks {
  const bytes = asBuffer(body);
  return parsePlainLinks(bytes) ?? parseCommit(bytes, id);
}

/** `undefined`: the headers are not exactly as Git writes them. */
function parsePlainLinks(bytes: Buffer): CommitLinks | undefined {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, USUAL_LINKS));
  PLAIN_LINKS.lastIndex = 0;
  if (!PLAIN_LINKS.test(text)) return undefined;
  const length = PLAIN_LINKS.lastIndex;
  // More parents may follow.
  if (length + PARENT_LINE > text.length && text.length < bytes.length) {
    return parsePlainCommit(bytes);
  }
  return { tree: treeIn(text), parents: parentsIn(text, length) };
}

/** Length of the tree, two parents, and the beginning of the next line. */
const USUAL_LINKS = TREE_LINE + 3 * PARENT_LINE;

function treeIn(text: string): ObjectId {
  return text.slice(TREE_KEY.length, TREE_LINE - 1);
}

/** The parents in the first `length` characters, which are lines of tree and parents. */
function parentsIn(text: string, length: number): ObjectId[] {
  const parents: ObjectId[] = [];
  for (let at = TREE_LINE; at < length; at += PARENT_LINE) {
    parents.push(text.slice(at + PARENT_KEY.length, at + PARENT_LINE - 1));
  }
  return parents;
}

/**
 * The body of a commit. Text that `encoding` cannot express is written as UTF-8, without that header.
 * @throws GitStoreError (`EINVAL`) for a NUL in the message, which Git refuses too
 */
export function serializeCommit(commit: Commit): Buffer {
  if (commit.message.includes('\0')) {
    throw new GitStoreError('A commit message cannot hold a NUL character', 'EINVAL');
  }
  return (
    encodeTextAs(formatCommit(commit, commit.encoding), commit.encoding) ??
    encodeTextAs(formatCommit(commit, undefined))!
  );
}

function formatCommit(commit: Commit, encoding: string | undefined): string {
  let headers = `tree ${commit.tree}\n`;
  for (const parent of commit.parents) headers += `parent ${parent}\n`;
  headers += `author ${formatIdentity(commit.author)}\n`;
  headers += `committer ${formatIdentity(commit.committer)}\n`;
  if (encoding !== undefined) headers += `encoding ${encoding}\n`;
  for (const header of commit.extraHeaders) headers += `${formatHeader(header)}\n`;
  return `${headers}\n${commit.message}`;
}

function formatHeader({ key, value }: ExtraHeader): string {
  return value === '' ? key : `${key} ${value.replaceAll('\n', '\n ')}`;
}

function corrupt(why: string, id: ObjectId | undefined): CorruptObjectError {
  return new CorruptObjectError(`Commit ${id ?? ''}${id ? ' ' : ''}is corrupt: ${why}`, {
    objectId: id,
  });
}

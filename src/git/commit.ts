/**
 * Commits. A commit's body is *headers*, an empty line and the *message*. The headers are one
 * `tree`, any number of `parent`, `author`, `committer`, and then others that Git and other programs
 * add (`encoding`, `gpgsig`, `mergetag`, ...), whose values go on in lines that begin with a space.
 *
 * What exists in real histories is read as well as Git can: only a commit whose tree or parents
 * cannot be told is corrupt.
 */
import { CorruptObjectError, GitStoreError } from '../errors.ts';
import { asBuffer } from './bytes.ts';
import { type ExtraHeader, type HeaderLine, headerValue, splitHeaders } from './headers.ts';
import { formatIdentity, type Identity, parseIdentity, parsePlainIdentity } from './identity.ts';
import { isObjectId, type ObjectId } from './objectId.ts';
import { decodePath } from './pathBytes.ts';
import { decodeText, encodeTextAs } from './textEncoding.ts';

export type { ExtraHeader } from './headers.ts';
export {
  formatIdentity,
  formatOffset,
  type Identity,
  parseIdentity,
  parseOffset,
} from './identity.ts';

const NEWLINE = 0x0a;
/** `tree `, 40 digits and a line feed; `parent ` and so on. */
const TREE_KEY = Buffer.from('tree ');
const PARENT_KEY = Buffer.from('parent ');
const AUTHOR_KEY = Buffer.from('author ');
const COMMITTER_KEY = Buffer.from('committer ');

export interface Commit {
  readonly tree: ObjectId;
  readonly parents: readonly ObjectId[];
  readonly author: Identity;
  readonly committer: Identity;
  /** As it lies, usually with a line feed at its end. */
  readonly message: string;
  /** Of names and message, where it is said; without it UTF-8. */
  readonly encoding?: string;
  /** All other headers in their order; several lines are joined by a line feed. */
  readonly extraHeaders: readonly ExtraHeader[];
}

/**
 * Reads a commit.
 * @param id only for the error
 * @throws CorruptObjectError when there is no usable tree or parent line
 */
export function parseCommit(body: Uint8Array, id?: ObjectId): Commit {
  const bytes = asBuffer(body);
  return parsePlainCommit(bytes, 0, bytes.length) ?? parseAnyCommit(bytes, id);
}

/**
 * Reads a commit as nearly all are: the headers that every commit has and no others, names of plain
 * ASCII. Undefined when it is not one.
 * @param bytes where the body lies from `start` to `end`
 */
export function parsePlainCommit(bytes: Buffer, start: number, end: number): Commit | undefined {
  const links = parseLinksAt(bytes, start, end);
  if (links === undefined) return undefined;
  const at = start + TREE_KEY.length + 41 + links.parents.length * (PARENT_KEY.length + 41);
  if (!startsWith(bytes, at, AUTHOR_KEY)) return undefined;
  const author = parsePlainIdentity(bytes, at + AUTHOR_KEY.length);
  if (author === undefined || !startsWith(bytes, author.end, COMMITTER_KEY)) return undefined;
  const committer = parsePlainIdentity(bytes, author.end + COMMITTER_KEY.length);
  if (committer === undefined || bytes[committer.end] !== NEWLINE) return undefined;
  if (committer.end >= end) return undefined;
  return {
    tree: links.tree,
    parents: links.parents,
    author: author.identity,
    committer: committer.identity,
    message: decodePath(bytes, committer.end + 1, end),
    extraHeaders: NO_HEADERS,
  };
}

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

/** What leads from a commit to others. */
export type CommitLinks = Pick<Commit, 'tree' | 'parents'>;

/**
 * Reads only the tree and the parents of a commit, in a fraction of the time.
 * @throws CorruptObjectError as `parseCommit`
 */
export function parseCommitLinks(body: Uint8Array, id?: ObjectId): CommitLinks {
  const bytes = asBuffer(body);
  return parseLinksAt(bytes, 0, bytes.length) ?? parseCommit(bytes, id);
}

/**
 * The same of a body that lies in `bytes` from `start` to `end`; undefined when it is not exactly as
 * Git writes it.
 */
export function parseLinksAt(bytes: Buffer, start: number, end: number): CommitLinks | undefined {
  const tree = idAfter(bytes, start, TREE_KEY);
  if (tree === undefined) return undefined;
  const parents: ObjectId[] = [];
  let at = start + TREE_KEY.length + 41;
  while (startsWith(bytes, at, PARENT_KEY)) {
    const parent = idAfter(bytes, at, PARENT_KEY);
    if (parent === undefined) return undefined;
    parents.push(parent);
    at += PARENT_KEY.length + 41;
  }
  return at <= end ? { tree, parents } : undefined;
}

function idAfter(bytes: Buffer, at: number, key: Buffer): ObjectId | undefined {
  const start = at + key.length;
  if (!startsWith(bytes, at, key) || bytes[start + 40] !== NEWLINE) return undefined;
  for (let i = start; i < start + 40; i++) if (!isHexDigit(bytes[i]!)) return undefined;
  return bytes.toString('latin1', start, start + 40);
}

/** Lowercase. */
function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}

function startsWith(bytes: Buffer, at: number, key: Buffer): boolean {
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false;
  return true;
}

/**
 * The body of a commit. Text that `encoding` cannot express is written as UTF-8, and the header
 * left out.
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
  const lines = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${formatIdentity(commit.author)}`,
    `committer ${formatIdentity(commit.committer)}`,
    ...(encoding === undefined ? [] : [`encoding ${encoding}`]),
    ...commit.extraHeaders.map(formatHeader),
  ];
  return `${lines.join('\n')}\n\n${commit.message}`;
}

function formatHeader({ key, value }: ExtraHeader): string {
  return value === '' ? key : `${key} ${value.replaceAll('\n', '\n ')}`;
}

function corrupt(why: string, id: ObjectId | undefined): CorruptObjectError {
  return new CorruptObjectError(`Commit ${id ?? ''}${id ? ' ' : ''}is corrupt: ${why}`, {
    objectId: id,
  });
}

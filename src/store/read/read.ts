/** Reads from a snapshot: bytes, text, streams, listings and metadata of a path. */

import { CorruptObjectError, FileNotFoundError, GitStoreError } from '../../errors.ts';
import { isObjectId, type ObjectId } from '../../git/objectId.ts';
import { type FileMode, isTreeMode, type TreeEntry } from '../../git/objects/tree.ts';
import { comparePaths, decodePath } from '../../git/pathBytes.ts';
import { missingObject } from '../../storage/missingObject.ts';
import type { ByteRange, GitObject } from '../../storage/storage.ts';
import { globTree } from '../../tree/glob.ts';
import { checkDepth, joinPath, normalizePath, parentPath } from '../../tree/paths.ts';
import { type FileType, fileTypeOf } from '../../tree/types.ts';
import { walkFiles } from '../../tree/walk.ts';
import type { StoreContext } from '../context/context.ts';
import { checkRange } from '../context/data.ts';
import { isADirectory, notADirectory, notFound } from '../context/pathErrors.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { BurstDetector } from './burstDetector.ts';

/** One entry of a directory. */
export interface WalkEntry {
  readonly name: string;
  /** The blob's or tree's object id; for a submodule the commit's. */
  readonly oid: ObjectId;
  /** As Git stores it, for example `0o100644`. */
  readonly mode: FileMode;
  readonly fileType: FileType;
}

/** One directory of a walk. */
export interface WalkStep {
  /** Its path; `''` is the root. */
  readonly dirpath: string;
  /** Names of its directories. The walk enters those that the consumer leaves here. */
  readonly dirnames: string[];
  readonly files: WalkEntry[];
}

export interface StatResult {
  /** As Git stores it, for example `0o100755`. */
  readonly mode: FileMode;
  readonly fileType: FileType;
  /** Bytes of a file or of a link's target; 0 for a directory. */
  readonly size: number;
  /** The blob's or tree's object id. */
  readonly hash: ObjectId;
  /** 1 for a file; for a directory, as on disk, 2 plus the number of directories in it. */
  readonly nlink: number;
  /** The commit's time in whole seconds since the epoch. */
  readonly mtime: number;
}

/** The entry at a path. @throws FileNotFoundError, or NotADirectoryError for a path through a file */
export async function requireEntry(snapshot: Snapshot, path: string): Promise<TreeEntry> {
  const normal = normalizePath(path);
  const entry = await snapshot.store.trees.lookup(snapshot.commit.tree, normal);
  return entry ?? missing(snapshot, normal, path);
}

/** The file or link at a path. @throws IsADirectoryError, and as requireEntry */
export async function requireFile(snapshot: Snapshot, path: string): Promise<TreeEntry> {
  const entry = await requireEntry(snapshot, path);
  if (fileTypeOf(entry.mode) === 'tree') {
    throw isADirectory(path);
  }
  return entry;
}

async function requireDirectory(snapshot: Snapshot, path: string): Promise<TreeEntry> {
  const entry = await requireEntry(snapshot, path);
  if (fileTypeOf(entry.mode) !== 'tree') {
    throw notADirectory(path);
  }
  return entry;
}

/** The error for a missing path. */
async function missing(snapshot: Snapshot, normal: string, path: string): Promise<never> {
  const { trees } = snapshot.store;
  for (let at = parentPath(normal); at !== ''; at = parentPath(at)) {
    const entry = await trees.lookup(snapshot.commit.tree, at);
    if (entry === undefined) continue;
    if (fileTypeOf(entry.mode) === 'tree') break;
    throw notADirectory(at);
  }
  throw notFound(path);
}

/**
 * The bytes of a file, synchronously: without promises, reading many small files in sequence takes half
 * the time.
 * @returns `undefined`: not available synchronously, call `readFile`
 */
export function tryReadFile(snapshot: Snapshot, path: string): Uint8Array | undefined {
  const { store, commit } = snapshot;
  const entry = store.trees.tryLookup(commit.tree, normalizePath(path));
  if (entry === undefined || isTreeMode(entry.mode)) return undefined;
  const object = tryReadObject(store, entry.id);
  return object?.type === 'blob' ? ownBytes(object) : undefined;
}

/** In a burst of reads the larger ones are left to `read`, which uses threads. */
function tryReadObject(store: StoreContext, id: ObjectId): GitObject | undefined {
  return store.objects.tryRead(id, { limit: bursts.isBurst() ? SMALL_IN_BURST : undefined });
}

const bursts = new BurstDetector();
/** Size in bytes up to which a read in a burst stays synchronous. */
const SMALL_IN_BURST = 16 << 10;

/** The bytes of a file, or a part of them. @throws as requireFile */
export async function readFile(
  snapshot: Snapshot,
  path: string,
  range?: ByteRange,
): Promise<Uint8Array> {
  const { id } = await requireFile(snapshot, path);
  return readBlob(snapshot.store, id, range, path);
}

/** A blob, or a part of it, as bytes that the caller owns. @param path for messages */
export async function readBlob(
  store: StoreContext,
  id: ObjectId,
  range?: ByteRange,
  path?: string,
): Promise<Uint8Array> {
  const part = checkRange(range);
  if (part === undefined) return ownBytes(await wholeBlob(store, id, path));
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of await openBlob(store, id, part, path)) {
    parts.push(chunk);
    size += chunk.length;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The text of a file. @param encoding a name that `Buffer` or `TextDecoder` knows */
export async function readText(
  snapshot: Snapshot,
  path: string,
  encoding: string,
): Promise<string> {
  const { id } = await requireFile(snapshot, path);
  const { body } = await wholeBlob(snapshot.store, id, path);
  if (Buffer.isEncoding(encoding)) {
    return Buffer.from(body.buffer, body.byteOffset, body.length).toString(encoding);
  }
  try {
    return new TextDecoder(encoding, { ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new GitStoreError(`Unknown encoding: ${encoding}`, 'EINVAL', { cause });
  }
}

/** The literal target of a symbolic link. */
export async function readLink(snapshot: Snapshot, path: string): Promise<string> {
  const entry = await requireEntry(snapshot, path);
  if (fileTypeOf(entry.mode) !== 'link') {
    throw new GitStoreError(`Not a symbolic link: ${path}`, 'EINVAL', { path });
  }
  return decodePath((await wholeBlob(snapshot.store, entry.id, path)).body);
}

/**
 * The content as a stream with backpressure. Errors, including a missing file, fail the stream.
 */
export function streamFile(
  snapshot: Snapshot,
  path: string,
  range?: ByteRange,
): ReadableStream<Uint8Array> {
  snapshot.store.assertOpen();
  const part = checkRange(range);
  let chunks: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (chunks === undefined) {
          const { id } = await requireFile(snapshot, path);
          const opened = await openBlob(snapshot.store, id, part, path);
          chunks = opened[Symbol.asyncIterator]();
        }
        const next = await chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(new Uint8Array(next.value));
      },
      async cancel() {
        await chunks?.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Size of a blob in bytes, without reading it. */
export async function blobSize(store: StoreContext, id: ObjectId, path?: string): Promise<number> {
  const header = await store.objects.header(id);
  if (header === undefined) throw missingObject(store.objects, id, 'Blob', path);
  return header.size;
}

export async function statEntry(snapshot: Snapshot, path: string): Promise<StatResult> {
  const entry = await requireEntry(snapshot, path);
  const { mode, id } = entry;
  const fileType = fileTypeOf(mode);
  const isDirectory = fileType === 'tree';
  let nlink = 1;
  if (isDirectory) {
    nlink = 2;
    for (const inner of await directoryEntries(snapshot.store, entry)) {
      if (fileTypeOf(inner.mode) === 'tree') nlink += 1;
    }
  }
  return {
    mode,
    fileType,
    size: isDirectory ? 0 : await blobSize(snapshot.store, id, path),
    hash: id,
    nlink,
    mtime: snapshot.commit.committer.time,
  };
}

/** Names in a directory, or with `recursive` the full paths of all files below it; sorted. */
export async function listNames(
  snapshot: Snapshot,
  path: string,
  recursive: boolean,
): Promise<string[]> {
  const directory = await requireDirectory(snapshot, path);
  if (!recursive) {
    const names = (await directoryEntries(snapshot.store, directory)).map((entry) => entry.name);
    return names.sort(comparePaths);
  }
  const paths: string[] = [];
  if (isTreeMode(directory.mode)) {
    const files = walkFiles(snapshot.store.trees, directory.id, normalizePath(path));
    for await (const file of files) paths.push(file.path);
  }
  return paths;
}

/** The entries of a directory, sorted by name. */
export async function listEntries(snapshot: Snapshot, path: string): Promise<WalkEntry[]> {
  const directory = await requireDirectory(snapshot, path);
  const entries = (await directoryEntries(snapshot.store, directory)).map(walkEntry);
  return entries.sort((a, b) => comparePaths(a.name, b.name));
}

/** The directory at `path` and all below it, parents first, as Python's `os.walk`. */
export async function* walkTree(
  snapshot: Snapshot,
  path: string,
): AsyncGenerator<WalkStep, void, undefined> {
  // By id, not by path: a tree may hold a name such as '.', which means something else in a path.
  const open = [
    { dirpath: normalizePath(path), directory: await requireDirectory(snapshot, path) },
  ];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    const { dirpath } = step;
    const below = new Map<string, TreeEntry>();
    const files: WalkEntry[] = [];
    const entries = await directoryEntries(snapshot.store, step.directory);
    for (const entry of entries.toSorted((a, b) => comparePaths(a.name, b.name))) {
      if (fileTypeOf(entry.mode) === 'tree') below.set(entry.name, entry);
      else files.push(walkEntry(entry));
    }
    const dirnames = [...below.keys()];
    yield { dirpath, dirnames, files };
    for (const name of dirnames.toReversed()) {
      const directory = below.get(name);
      if (directory === undefined) continue;
      const inside = joinPath(dirpath, name);
      checkDepth(inside, 1);
      open.push({ dirpath: inside, directory });
    }
  }
}

/** The paths that match a pattern, sorted. */
export async function globPaths(snapshot: Snapshot, pattern: string): Promise<string[]> {
  const paths: string[] = [];
  const { store, commit } = snapshot;
  for await (const path of globTree(store.trees, commit.tree, pattern)) paths.push(path);
  return paths.sort(comparePaths);
}

/** An entry in the form of the public API. */
export function walkEntry({ name, id, mode }: TreeEntry): WalkEntry {
  return { name, oid: id, mode, fileType: fileTypeOf(mode) };
}

/** The blob with this hash. @throws FileNotFoundError when it is missing */
export async function readByHash(
  store: StoreContext,
  hash: string,
  range?: ByteRange,
): Promise<Uint8Array> {
  if (!(await hasBlob(store, hash))) {
    throw new FileNotFoundError(`No blob ${hash}`, { ref: hash });
  }
  return readBlob(store, hash.toLowerCase(), range);
}

/** Whether the store has a blob with this full hash. */
export async function hasBlob(store: StoreContext, hash: string): Promise<boolean> {
  const id = hash.toLowerCase();
  store.assertOpen();
  return isObjectId(id) && (await store.objects.header(id))?.type === 'blob';
}

async function directoryEntries(
  store: StoreContext,
  entry: TreeEntry,
): Promise<readonly TreeEntry[]> {
  return isTreeMode(entry.mode) ? (await store.trees.tree(entry.id)).entries : [];
}

async function wholeBlob(
  store: StoreContext,
  id: ObjectId,
  path: string | undefined,
): Promise<GitObject> {
  const object = tryReadObject(store, id) ?? (await store.objects.read(id));
  if (object === undefined) throw missingObject(store.objects, id, 'Blob', path);
  if (object.type !== 'blob') throw notABlob(id, object.type, path);
  return object;
}

/** Copies a body that is shared with caches, so that the caller owns the bytes. */
function ownBytes({ body, own }: GitObject): Uint8Array {
  return own === true
    ? new Uint8Array(body.buffer, body.byteOffset, body.length)
    : new Uint8Array(body);
}

async function openBlob(
  store: StoreContext,
  id: ObjectId,
  range: ByteRange | undefined,
  path: string | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const chunks = await store.objects.readStream(id, range);
  if (chunks === undefined) throw missingObject(store.objects, id, 'Blob', path);
  return chunks;
}

function notABlob(id: ObjectId, type: string, path: string | undefined): CorruptObjectError {
  return new CorruptObjectError(`Object ${id} is a ${type}, not a blob`, { objectId: id, path });
}

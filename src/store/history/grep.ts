/** Searches lines that match a pattern, in the files of a snapshot or in every version of a history. */
import { asBuffer } from '../../bytes.ts';
import { GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { isFileMode } from '../../git/objects/tree.ts';
import { isBinary } from '../../merge/text.ts';
import { missingObject } from '../../storage/missingObject.ts';
import { Pace } from '../../storage/pace.ts';
import type { ObjectStore } from '../../storage/storage.ts';
import { normalizePath } from '../../tree/paths.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { versionsOf } from './versions.ts';

export interface GrepOptions {
  /** Search only this path and everything below it. */
  readonly path?: string | undefined;
  /** Treat the pattern as literal text instead of a regular expression. */
  readonly fixed?: boolean | undefined;
  /** Ignore letter case. */
  readonly ignoreCase?: boolean | undefined;
  /** Search every version of the history. */
  readonly history?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface GrepLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** A file, or a version of it, with matching lines. */
export interface GrepMatch {
  readonly path: string;
  /** The blob. */
  readonly hash: ObjectId;
  /** The newest commit that holds this version at this path. */
  readonly commitHash: ObjectId;
  /** Empty for a binary file. */
  readonly lines: readonly GrepLine[];
  readonly isBinary: boolean;
}

/** @throws GitStoreError (`EINVAL`) for an invalid regular expression */
export async function* grepSnapshot(
  snapshot: Snapshot,
  pattern: string | RegExp,
  options: GrepOptions,
): AsyncGenerator<GrepMatch, void, undefined> {
  const { objects } = snapshot.store;
  const search = searchFor(pattern, options);
  const { signal, history } = options;
  const path = options.path === undefined ? undefined : normalizePath(options.path);
  const known = new Map<ObjectId, Found | undefined>();
  const how = history ? { keep: true } : { room: roomToSearch };
  const pace = new Pace(signal);
  for await (const versions of versionsOf(snapshot, { path, history, signal })) {
    /** Blobs that are not in memory, with a path of each. */
    const others = new Map<ObjectId, string>();
    for (const { path: file, entry } of versions) {
      const { id, mode } = entry;
      if (!isFileMode(mode) || known.has(id) || others.has(id)) continue;
      const object = objects.tryRead(id, how);
      if (object === undefined) others.set(id, file);
      else known.set(id, search(object.body));
      if (pace.due()) await pace.pause();
    }
    for await (const [id, body] of bodiesOf(objects, others)) known.set(id, search(body));
    for (const { path: file, entry, last } of versions) {
      const found = isFileMode(entry.mode) ? known.get(entry.id) : undefined;
      if (found !== undefined) yield { path: file, hash: entry.id, commitHash: last, ...found };
    }
    signal?.throwIfAborted();
  }
}

/** Reads blobs together: in a bucket they come with few requests. Bodies are valid until the next one. */
async function* bodiesOf(
  objects: ObjectStore,
  paths: ReadonlyMap<ObjectId, string>,
): AsyncGenerator<[ObjectId, Uint8Array], void, undefined> {
  if (paths.size === 0) return;
  const ids = [...paths.keys()];
  async function* wanted(): AsyncGenerator<readonly ObjectId[]> {
    yield ids;
  }
  let at = 0;
  for await (const group of objects.readMany(wanted())) {
    for (const read of group) {
      const id = ids[at++]!;
      // A large one comes without its body.
      const body = read?.body ?? (read && (await objects.read(id))?.body);
      if (body === undefined) throw missingObject(objects, id, 'Blob', paths.get(id)!);
      yield [id, body];
    }
  }
}

/** Shared memory to inflate into: a file is searched before the next is read. */
const searchRoom = Buffer.allocUnsafeSlow(64 << 10);

function roomToSearch(size: number): Buffer {
  return size <= searchRoom.length ? searchRoom.subarray(0, size) : Buffer.allocUnsafeSlow(size);
}

type Found = Pick<GrepMatch, 'lines' | 'isBinary'>;

/** A function that finds the matching lines of a file. */
function searchFor(
  pattern: string | RegExp,
  { fixed = false, ignoreCase = false }: GrepOptions,
): (body: Uint8Array) => Found | undefined {
  const expression = expressionOf(pattern, fixed, ignoreCase);
  // Most files do not hold a plain text, which their bytes tell before they are decoded.
  const isPlain =
    typeof pattern === 'string' &&
    !ignoreCase &&
    (fixed || !/[\\^$.*+?()[\]{}|]/.test(pattern)) &&
    !pattern.includes('\ufffd');
  const needle = isPlain ? Buffer.from(pattern) : undefined;
  return (body) => {
    if (needle !== undefined && !asBuffer(body).includes(needle)) return undefined;
    const text = asBuffer(body).toString();
    expression.lastIndex = 0;
    if (isBinary(body)) return expression.test(text) ? { lines: [], isBinary: true } : undefined;
    const lines: GrepLine[] = [];
    let number = 1;
    let counted = 0;
    for (let found = expression.exec(text); found !== null; found = expression.exec(text)) {
      // An empty match after the last line end is in no line.
      if (found.index === text.length && (text.endsWith('\n') || text === '')) break;
      const start = text.lastIndexOf('\n', found.index - 1) + 1;
      const end = text.indexOf('\n', found.index);
      for (let at = text.indexOf('\n', counted); at >= 0 && at < start; ) {
        number += 1;
        at = text.indexOf('\n', at + 1);
      }
      counted = start;
      lines.push({ number, text: text.slice(start, end < 0 ? undefined : end) });
      if (end < 0) break;
      expression.lastIndex = end + 1;
    }
    return lines.length === 0 ? undefined : { lines, isBinary: false };
  };
}

/** @throws GitStoreError (`EINVAL`) for an invalid regular expression */
export function expressionOf(
  pattern: string | RegExp,
  fixed: boolean,
  ignoreCase: boolean,
): RegExp {
  if (typeof pattern !== 'string') {
    return new RegExp(pattern.source, `${pattern.flags.replace(/[gmy]/g, '')}gm`);
  }
  const source = fixed ? pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : pattern;
  try {
    return new RegExp(source, ignoreCase ? 'gmi' : 'gm');
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new GitStoreError(
      `Not a regular expression: ${pattern}; -F (fixed) takes it as it is`,
      'EINVAL',
      { cause },
    );
  }
}

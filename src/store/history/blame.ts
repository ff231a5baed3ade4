/** Finds the commit that introduced each line of a file, along first parents. */
import { FileNotFoundError, GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { isFileMode, type TreeEntry } from '../../git/objects/tree.ts';
import { diffLines } from '../../merge/lineDiff.ts';
import { isBinary, LineTable } from '../../merge/text.ts';
import { missingObject } from '../../storage/missingObject.ts';
import { normalizePath } from '../../tree/paths.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { changesOf } from './log.ts';

export interface BlameLine {
  /** From 1. */
  readonly number: number;
  /** The commit that introduced the line. */
  readonly commitHash: ObjectId;
  readonly authorName: string;
  /** Time of that commit. */
  readonly time: Date;
  /** Minutes east of UTC. */
  readonly timezoneOffset: number;
  /** Without its line end. */
  readonly text: string;
}

/**
 * @throws FileNotFoundError
 * @throws GitStoreError (`EINVAL`) for a file that is not text
 */
export async function blameFile(
  snapshot: Snapshot,
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<BlameLine[]> {
  const { store } = snapshot;
  const normal = normalizePath(path);
  const contentOf = async (
    entry: Pick<TreeEntry, 'id' | 'mode'> | undefined,
  ): Promise<Uint8Array | undefined> => {
    if (entry === undefined || !isFileMode(entry.mode)) return undefined;
    const { id } = entry;
    const object = store.objects.tryRead(id, { keep: true }) ?? (await store.objects.read(id));
    if (object === undefined) throw missingObject(store.objects, id, 'Blob', path);
    return object.body;
  };
  const newest = await contentOf(await store.trees.lookup(snapshot.commit.tree, normal));
  if (newest === undefined) {
    throw new FileNotFoundError(`${path}: no file in the snapshot`, { path });
  }
  if (isBinary(newest)) throw new GitStoreError(`${path}: not a text file`, 'EINVAL', { path });

  const table = new LineTable();
  let lines = table.lines(newest);
  const text = lines.text;
  const owners: (Pick<Snapshot, 'id' | 'commit'> | undefined)[] = text.map(() => undefined);
  /** Maps each line of the current version to its line in the newest one; -1 for none. */
  let becomes = Int32Array.from(text, (_, at) => at);
  let open = text.length;
  let current: { id: ObjectId; commit: Commit } | undefined;
  const take = (at: number): void => {
    const line = becomes[at]!;
    if (line < 0 || owners[line] !== undefined) return;
    owners[line] = current;
    open -= 1;
  };
  for await (const change of changesOf(snapshot, normal, options.signal)) {
    if (open === 0) break;
    current = change;
    const before = await contentOf(change.before);
    if (before === undefined || isBinary(before)) {
      for (let at = 0; at < becomes.length; at++) take(at);
      break;
    }
    const old = table.lines(before, lines);
    const next = new Int32Array(old.text.length).fill(-1);
    let from = 0;
    let to = 0;
    for (const change of diffLines(old.ids, lines.ids, table.size)) {
      while (from < change.old) next[from++] = becomes[to++]!;
      from += change.oldCount;
      for (let i = 0; i < change.newCount; i++) take(to++);
    }
    while (from < next.length) next[from++] = becomes[to++]!;
    lines = old;
    becomes = next;
  }
  return text.map((line, at) => {
    const { id, commit } = owners[at] ?? snapshot;
    return {
      number: at + 1,
      commitHash: id,
      authorName: commit.author.name,
      time: new Date(commit.committer.time * 1000),
      timezoneOffset: commit.committer.offset,
      text: Buffer.from(line.replace(/\n$/, ''), 'latin1').toString(),
    };
  });
}

/**
 * Where a shallow clone ends (gitprotocol-pack(5), "shallow"): the commits that a receiver gets
 * without their parents.
 */
import { GitStoreError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { IdSet } from '../git/objectSet.ts';
import { Pace } from '../storage/pace.ts';
import type { ObjectReader } from '../storage/storage.ts';
import { commitRange } from './commitRange.ts';
import { CommitTable } from './commitTable.ts';

/** Two kinds of commits that the receiver will have. */
export interface Boundary {
  /** Those without parents there. */
  readonly shallow: IdSet;
  /** Those with all of their parents. */
  readonly complete: IdSet;
}

export interface HistoryLimit {
  /** Commits from this time on, in seconds since the epoch. */
  readonly since?: number | undefined;
  /** Commits that these do not lead to. */
  readonly not?: readonly ObjectId[] | undefined;
}

export interface WalkOptions {
  /** Commits that the store itself has without their parents. */
  readonly shallow?: IdSet | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The history of `heads` that is `depth` commits deep, the heads themselves being the first.
 * @throws CorruptObjectError
 */
export async function limitDepth(
  store: ObjectReader,
  heads: Iterable<ObjectId>,
  depth: number,
  options: WalkOptions = {},
): Promise<Boundary> {
  const table = new CommitTable(store, options.shallow);
  const pace = new Pace(options.signal);
  let level = await headCommits(table, heads);
  const seen = new Set(level);
  const shallow = new IdSet();
  const complete = new IdSet();
  for (let at = 1; level.length > 0; at++) {
    const next: number[] = [];
    for (const commit of level) {
      if (at >= depth || options.shallow?.hasBytes(table.ids.bytes, commit * 20)) {
        shallow.addBytes(table.ids.bytes, commit * 20);
        continue;
      }
      complete.addBytes(table.ids.bytes, commit * 20);
      for (const parent of table.parentsOf(commit)) {
        if (seen.has(parent)) continue;
        seen.add(parent);
        if (!table.loadNow(parent)) await table.load(parent);
        next.push(parent);
      }
      if (pace.due()) await pace.pause();
    }
    level = next;
  }
  return { shallow, complete };
}

/**
 * The history of `heads` as far as the limit lets it through.
 * @throws GitStoreError (`EINVAL`) when that is none of it; CorruptObjectError
 */
export async function limitHistory(
  store: ObjectReader,
  heads: Iterable<ObjectId>,
  { since = Number.NEGATIVE_INFINITY, not = [] }: HistoryLimit,
  options: WalkOptions = {},
): Promise<Boundary> {
  const { table, fresh } = await commitRange(store, { ...options, wants: heads, haves: not });
  const inside = new Set(fresh.filter((commit) => table.timeOf(commit) >= since));
  const seen = new Set((await headCommits(table, heads)).filter((commit) => inside.has(commit)));
  const shallow = new IdSet();
  const complete = new IdSet();
  // Only what is connected with the heads: an old commit with a new time below it ends the history.
  for (const commit of seen) {
    const parents = table.parentsOf(commit);
    const kept = parents.filter((parent) => inside.has(parent));
    const isEnd = options.shallow?.hasBytes(table.ids.bytes, commit * 20) === true;
    const kind = kept.length === parents.length && !isEnd ? complete : shallow;
    kind.addBytes(table.ids.bytes, commit * 20);
    // A shallow commit has no parents at all for the receiver.
    if (kind === complete) for (const parent of kept) seen.add(parent);
  }
  if (seen.size === 0) throw new GitStoreError('No commits selected for shallow request', 'EINVAL');
  return { shallow, complete };
}

async function headCommits(table: CommitTable, heads: Iterable<ObjectId>): Promise<number[]> {
  const commits = new Set<number>();
  for (const head of heads) {
    const commit = (await table.peel(head))?.commit;
    if (commit !== undefined) commits.add(commit);
  }
  return [...commits];
}

/**
 * Finds merge bases of two histories: the common ancestors that are not ancestors of another one. There
 * are several after criss-cross merges.
 */

import type { ObjectId } from '../git/objectId.ts';
import type { IdSet } from '../git/objectSet.ts';
import { CommitTable } from '../graph/commitTable.ts';
import { Heap } from '../graph/heap.ts';
import { Pace } from '../storage/pace.ts';
import type { ObjectReader } from '../storage/storage.ts';

const FROM_ONE = 1;
const FROM_OTHER = 2;
const FROM_BOTH = FROM_ONE | FROM_OTHER;
/** An ancestor of a common ancestor. */
const STALE = 4;
const FOUND = 8;

/**
 * The best common ancestors of a commit and of the union of the others, newest first. May be one of the
 * commits itself.
 * @param options.shallow commits that count as having no parents
 * @throws CorruptObjectError
 */
export async function mergeBases(
  store: ObjectReader,
  one: readonly ObjectId[],
  others: readonly ObjectId[],
  options: { readonly shallow?: IdSet | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<ObjectId[]> {
  const table = new CommitTable(store, options.shallow);
  const pace = new Pace(options.signal);
  const load = async (id: ObjectId): Promise<number> => {
    const commit = table.ids.add(id);
    await table.load(commit);
    return commit;
  };
  const starts: number[] = [];
  const goals: number[] = [];
  for (const id of one) starts.push(await load(id));
  for (const id of others) goals.push(await load(id));
  let found = (await paint(table, starts, goals, pace)).found;
  // With wrong clocks an ancestor of another one may be among them.
  for (const base of found.length > 1 ? [...found] : []) {
    const rest = found.filter((other) => other !== base);
    const { flags } = await paint(table, [base], rest, pace);
    if ((flags.get(base)! & FROM_OTHER) !== 0) found = rest;
  }
  return found
    .sort((a, b) => table.timeOf(b) - table.timeOf(a))
    .map((commit) => table.ids.idAt(commit));
}

/** Walks from both, newest first, until only ancestors of common ancestors remain. */
async function paint(
  table: CommitTable,
  starts: readonly number[],
  goals: readonly number[],
  pace: Pace,
): Promise<{ found: number[]; flags: Map<number, number> }> {
  const flags = new Map<number, number>();
  const queue = new Heap((commit) => table.timeOf(commit));
  /** Number of queued commits that are not stale. */
  let open = 0;
  const queued = new Set<number>();
  const mark = (commit: number, add: number): void => {
    const before = flags.get(commit) ?? 0;
    if ((before & add) === add) return;
    flags.set(commit, before | add);
    if (queued.has(commit)) {
      if ((before & STALE) === 0 && (add & STALE) !== 0) open -= 1;
      return;
    }
    queued.add(commit);
    queue.push(commit);
    if (((before | add) & STALE) === 0) open += 1;
  };
  for (const start of starts) mark(start, FROM_ONE);
  for (const goal of goals) mark(goal, FROM_OTHER);
  const found: number[] = [];
  while (open > 0) {
    const commit = queue.pop()!;
    queued.delete(commit);
    const own = flags.get(commit)!;
    if ((own & STALE) === 0) open -= 1;
    let hand = own & (FROM_BOTH | STALE);
    if (hand === FROM_BOTH) {
      if ((own & FOUND) === 0) {
        flags.set(commit, own | FOUND);
        found.push(commit);
      }
      hand |= STALE;
    }
    for (const parent of table.parentsOf(commit)) {
      if (!table.loadNow(parent)) await table.load(parent);
      mark(parent, hand);
    }
    if (pace.due()) await pace.pause();
  }
  return { found: found.filter((commit) => (flags.get(commit)! & STALE) === 0), flags };
}

/**
 * Compares the bodies of trees as bytes. Most entries of two versions of a directory are the same, and are
 * skipped without being decoded.
 */
import { asBuffer, sameBytes, sharedLength } from '../../bytes.ts';
import type { ObjectId } from '../objectId.ts';
import { decodePath } from '../pathBytes.ts';
import { type EntryScan, wholeEntries } from './entryScan.ts';
import { EntryCursor, type TreeEntry } from './tree.ts';

/** A tree as `differingEntries` takes it. */
export interface ComparedTree {
  readonly id: ObjectId;
  readonly body: Uint8Array;
}

/**
 * The entries of each tree, in the order of its body, without those that all trees share.
 * @throws CorruptObjectError where a body does not follow the format, in an entry that differs
 */
export function differingEntries(trees: readonly ComparedTree[]): TreeEntry[][] {
  const bodies = trees.map(({ body }) => asBuffer(body));
  const cursors = trees.map(({ id }, i) => new EntryCursor(bodies[i]!, id));
  const lists: TreeEntry[][] = trees.map(() => []);
  for (;;) {
    const shared = sharedByAll(bodies, cursors);
    if (cursors.every(({ end }, i) => end + shared === bodies[i]!.length)) return lists;
    const skipped = wholeEntries(bodies[0]!, cursors[0]!.end, shared);
    for (const cursor of cursors) cursor.end += skipped;
    takeName(cursors, lists);
  }
}

/**
 * The entries of a tree, in its order, that an older version of it lacks: those that `differingEntries` gives
 * for it.
 * @throws as `differingEntries`
 */
export function entriesNotIn(older: ComparedTree, tree: ComparedTree): TreeEntry[] {
  const entries = new EntryCursor(asBuffer(tree.body), tree.id);
  const found: TreeEntry[] = [];
  eachNewEntry(entries, new EntryCursor(asBuffer(older.body), older.id), () => {
    found.push(entryOf(entries));
  });
  return found;
}

/**
 * Calls `visit` when `entries` is at an entry that `base` lacks: it has no such name, or another mode or
 * id. If one of them is out of order, it may visit entries that `base` has.
 */
export function eachNewEntry(entries: EntryScan, base: EntryScan, visit: () => void): void {
  const [body, before] = [asBuffer(entries.body), asBuffer(base.body)];
  for (;;) {
    const most = Math.min(before.length - base.end, body.length - entries.end);
    const shared = sharedLength(before, base.end, body, entries.end, most);
    if (entries.end + shared === body.length) return;
    const skipped = wholeEntries(body, entries.end, shared);
    base.end += skipped;
    entries.end += skipped;
    if (!entries.next()) return;
    let isSame = false;
    // Pass over the older entries up to this name.
    for (let start = base.end; base.next(); start = base.end) {
      const order = base.compareTo(entries);
      if (order > 0) base.end = start;
      if (order === 0) isSame = base.mode === entries.mode && sameId(base, entries);
      if (order >= 0) break;
    }
    if (!isSame) visit();
  }
}

function sameId(a: EntryScan, b: EntryScan): boolean {
  return sameBytes(a.body, a.nameEnd + 1, a.end, b.body, b.nameEnd + 1, b.end);
}

function entryOf(cursor: EntryCursor): TreeEntry {
  const { body, nameStart, nameEnd, mode } = cursor;
  return { name: decodePath(body, nameStart, nameEnd), mode, id: cursor.id() };
}

/** How many bytes all bodies have alike from where their cursors are. */
function sharedByAll(bodies: readonly Buffer[], cursors: readonly EntryCursor[]): number {
  const [first, start] = [bodies[0]!, cursors[0]!.end];
  let length = first.length - start;
  for (let i = 1; i < bodies.length; i++) {
    const [other, from] = [bodies[i]!, cursors[i]!.end];
    length = sharedLength(first, start, other, from, Math.min(length, other.length - from));
  }
  return length;
}

/** Takes the next name out of all trees that have it. */
function takeName(cursors: readonly EntryCursor[], lists: readonly TreeEntry[][]): void {
  const starts = cursors.map(({ end }) => end);
  const isThere = cursors.map((cursor) => cursor.next());
  let first: EntryCursor | undefined;
  for (const [i, cursor] of cursors.entries()) {
    if (isThere[i] && (first === undefined || cursor.compareTo(first) < 0)) first = cursor;
  }
  for (const [i, cursor] of cursors.entries()) {
    if (isThere[i] && cursor.compareTo(first!) === 0) lists[i]!.push(entryOf(cursor));
    else cursor.end = starts[i]!;
  }
}

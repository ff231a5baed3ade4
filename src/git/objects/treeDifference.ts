/**
 * Comparing the bodies of trees as bytes. Most entries of two versions of a directory are the same, and
 * are passed over without being decoded.
 */
import { asBuffer, sharedLength } from '../../bytes.ts';
import type { ObjectId } from '../objectId.ts';
import { decodePath } from '../pathBytes.ts';
import { compareNames, EntryCursor, endingOf, ID_LENGTH, type TreeEntry } from './tree.ts';

/** A tree as `differingEntries` takes it. */
export interface ComparedTree {
  readonly id: ObjectId;
  readonly body: Uint8Array;
}

/**
 * The entries of each tree, in the order in which they lie, without those that lie in all trees alike.
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
    takeName(bodies, cursors, lists);
  }
}

/**
 * The entries of a tree, in its order, that an older version of it lacks: those that `differingEntries` gives
 * for it.
 * @throws as `differingEntries`
 */
export function entriesNotIn(older: ComparedTree, tree: ComparedTree): TreeEntry[] {
  const [before, after] = [asBuffer(older.body), asBuffer(tree.body)];
  const old = new EntryCursor(before, older.id);
  const now = new EntryCursor(after, tree.id);
  const found: TreeEntry[] = [];
  for (;;) {
    const most = Math.min(before.length - old.end, after.length - now.end);
    const shared = sharedLength(before, old.end, after, now.end, most);
    if (now.end + shared === after.length) return found;
    const skipped = wholeEntries(after, now.end, shared);
    old.end += skipped;
    now.end += skipped;
    now.next();
    const { mode, nameStart, nameEnd } = now;
    const id = now.id();
    // Pass over the older entries up to this name.
    let isSame = false;
    for (let start = old.end; old.next(); start = old.end) {
      const order = old.compareAt(after, nameStart, nameEnd, endingOf(mode));
      if (order > 0) old.end = start;
      if (order === 0) isSame = old.mode === mode && old.id() === id;
      if (order >= 0) break;
    }
    if (!isSame) found.push({ name: decodePath(after, nameStart, nameEnd), mode, id });
  }
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

/** The length of the entries from `start` on that end within the next `length` bytes. */
function wholeEntries(body: Buffer, start: number, length: number): number {
  const limit = start + length;
  for (let entry = start; ; ) {
    let at = entry;
    while (at < limit && body[at] !== 0) at++;
    at += 1 + ID_LENGTH;
    if (at > limit) return entry - start;
    entry = at;
  }
}

/** Takes the next name out of all trees that have it. */
function takeName(
  bodies: readonly Buffer[],
  cursors: readonly EntryCursor[],
  lists: readonly TreeEntry[][],
): void {
  const starts = cursors.map(({ end }) => end);
  const order = (i: number, k: number): number => {
    const [a, b] = [cursors[i]!, cursors[k]!];
    const [endingA, endingB] = [endingOf(a.mode), endingOf(b.mode)];
    const [bytesA, bytesB] = [bodies[i]!, bodies[k]!];
    return compareNames(
      bytesA,
      a.nameStart,
      a.nameEnd,
      endingA,
      bytesB,
      b.nameStart,
      b.nameEnd,
      endingB,
    );
  };
  let first = -1;
  const isThere = cursors.map((cursor) => cursor.next());
  for (let i = 0; i < cursors.length; i++) {
    if (isThere[i] && (first < 0 || order(i, first) < 0)) first = i;
  }
  for (let i = 0; i < cursors.length; i++) {
    const cursor = cursors[i]!;
    if (isThere[i] && order(i, first) === 0) {
      const name = decodePath(bodies[i]!, cursor.nameStart, cursor.nameEnd);
      lists[i]!.push({ name, mode: cursor.mode, id: cursor.id() });
    } else {
      cursor.end = starts[i]!;
    }
  }
}

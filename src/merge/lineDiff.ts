/**
 * Computes a diff of two lists of lines. A *line* is a small number, equal for equal lines. The result is
 * the same as in Git's merges (the histogram diff, then changes slid to align with those of the other
 * file), because the boundaries of changes decide what conflicts.
 *
 * The histogram diff finds the longest common run of lines among those whose rarest line is the rarest in
 * the first file, and recurses before and after that run.
 */
import { diffArrays } from 'diff';

/** `oldCount` lines from `old` on are replaced by `newCount` lines from `new` on. */
export interface LineChange {
  readonly old: number;
  readonly oldCount: number;
  readonly new: number;
  readonly newCount: number;
}

/** Lines that occur more often than this are no anchors. Without an anchor plain Myers decides. */
const MOST_OCCURRENCES = 64;

/** With more edits than this a region without rare lines counts as replaced. */
const MOST_EDITS = 4000;

interface Region {
  readonly oldStart: number;
  readonly oldEnd: number;
  readonly newStart: number;
  readonly newEnd: number;
}

/** @param kinds lines are smaller than this number */
export function diffLines(before: Int32Array, after: Int32Array, kinds: number): LineChange[] {
  const gone = new Uint8Array(before.length + 1);
  const come = new Uint8Array(after.length + 1);
  markChanges(before, after, kinds, gone, come);
  slideChanges(before, gone, come);
  slideChanges(after, come, gone);
  return listChanges(gone, before.length, come, after.length);
}

function markChanges(
  before: Int32Array,
  after: Int32Array,
  kinds: number,
  gone: Uint8Array,
  come: Uint8Array,
): void {
  const histogram = new Histogram(before, after, kinds);
  const open: Region[] = [
    { oldStart: 0, oldEnd: before.length, newStart: 0, newEnd: after.length },
  ];
  for (let region = open.pop(); region !== undefined; region = open.pop()) {
    const { oldStart, oldEnd, newStart, newEnd } = region;
    if (oldStart === oldEnd || newStart === newEnd) {
      gone.fill(1, oldStart, oldEnd);
      come.fill(1, newStart, newEnd);
      continue;
    }
    const common = histogram.bestRun(region);
    if (common === 'too many') markByMyers(before, after, region, gone, come);
    else if (common === undefined) {
      gone.fill(1, oldStart, oldEnd);
      come.fill(1, newStart, newEnd);
    } else {
      open.push({ oldStart: common.oldEnd, oldEnd, newStart: common.newEnd, newEnd });
      open.push({ oldStart, oldEnd: common.oldStart, newStart, newEnd: common.newStart });
    }
  }
}

/** Occurrences of each line of the first file, in one region at a time. */
class Histogram {
  readonly #before: Int32Array;
  readonly #after: Int32Array;
  /** Number of occurrences of each line in the region. */
  readonly #counts: Int32Array;
  /** Its first position there. */
  readonly #first: Int32Array;
  /** From each position to the next of the same line; -1 for none. */
  readonly #next: Int32Array;

  constructor(before: Int32Array, after: Int32Array, kinds: number) {
    this.#before = before;
    this.#after = after;
    this.#counts = new Int32Array(kinds);
    this.#first = new Int32Array(kinds);
    this.#next = new Int32Array(before.length);
  }

  /** The common run to keep; undefined when the files share no line in the region. */
  bestRun(region: Region): Region | 'too many' | undefined {
    const { oldStart, oldEnd, newStart, newEnd } = region;
    const before = this.#before;
    const after = this.#after;
    const counts = this.#counts;
    this.#fill(oldStart, oldEnd);
    let best: Region | undefined;
    let bestLength = 0;
    let rarest = MOST_OCCURRENCES + 1;
    let sharesLines = false;
    for (let at = newStart; at < newEnd; ) {
      let resume = at + 1;
      const line = after[at]!;
      const count = counts[line]!;
      if (count > 0) sharesLines = true;
      let place = count > 0 && count <= rarest ? this.#first[line]! : -1;
      while (place >= 0) {
        let from = place;
        let to = place;
        let newFrom = at;
        let newTo = at;
        let rare = count;
        while (from > oldStart && newFrom > newStart && before[from - 1] === after[newFrom - 1]) {
          from--;
          newFrom--;
          if (rare > 1) rare = Math.min(rare, counts[before[from]!]!);
        }
        while (to + 1 < oldEnd && newTo + 1 < newEnd && before[to + 1] === after[newTo + 1]) {
          to++;
          newTo++;
          if (rare > 1) rare = Math.min(rare, counts[before[to]!]!);
        }
        if (resume <= newTo) resume = newTo + 1;
        if (bestLength < to - from || rare < rarest) {
          bestLength = to - from;
          rarest = rare;
          best = { oldStart: from, oldEnd: to + 1, newStart: newFrom, newEnd: newTo + 1 };
        }
        place = this.#next[place]!;
        while (place >= 0 && place <= to) place = this.#next[place]!;
      }
      at = resume;
    }
    this.#clear(oldStart, oldEnd);
    return sharesLines && rarest > MOST_OCCURRENCES ? 'too many' : best;
  }

  #fill(start: number, end: number): void {
    for (let at = end - 1; at >= start; at--) {
      const line = this.#before[at]!;
      this.#next[at] = this.#counts[line]! > 0 ? this.#first[line]! : -1;
      this.#first[line] = at;
      this.#counts[line]!++;
    }
  }

  #clear(start: number, end: number): void {
    for (let at = start; at < end; at++) this.#counts[this.#before[at]!] = 0;
  }
}

function markByMyers(
  before: Int32Array,
  after: Int32Array,
  region: Region,
  gone: Uint8Array,
  come: Uint8Array,
): void {
  let at = region.oldStart;
  let newAt = region.newStart;
  const changes = diffArrays(
    Array.from(before.subarray(at, region.oldEnd)),
    Array.from(after.subarray(newAt, region.newEnd)),
    { maxEditLength: MOST_EDITS },
  );
  if (changes === undefined) {
    gone.fill(1, at, region.oldEnd);
    come.fill(1, newAt, region.newEnd);
    return;
  }
  for (const { added, removed, count } of changes) {
    if (removed) gone.fill(1, at, at + count);
    if (added) come.fill(1, newAt, newAt + count);
    if (!added) at += count;
    if (!removed) newAt += count;
  }
}

/** A run of changed lines, possibly empty, between two unchanged lines. */
class Run {
  start = 0;
  end = 0;
  readonly #changed: Uint8Array;
  readonly #length: number;

  constructor(changed: Uint8Array) {
    this.#changed = changed;
    this.#length = changed.length - 1;
    while (changed[this.end] === 1) this.end++;
  }

  next(): boolean {
    if (this.end === this.#length) return false;
    this.start = this.end + 1;
    this.end = this.start;
    this.#grow();
    return true;
  }

  previous(): void {
    this.end = this.start - 1;
    this.start = this.end;
    this.#growBack();
  }

  /** Slides up by one line if that is equivalent, and merges with a run it meets. */
  slideUp(lines: Int32Array): boolean {
    if (this.start === 0 || lines[this.start - 1] !== lines[this.end - 1]) return false;
    this.#changed[--this.start] = 1;
    this.#changed[--this.end] = 0;
    this.#growBack();
    return true;
  }

  slideDown(lines: Int32Array): boolean {
    if (this.end === this.#length || lines[this.start] !== lines[this.end]) return false;
    this.#changed[this.start++] = 0;
    this.#changed[this.end++] = 1;
    this.#grow();
    return true;
  }

  #grow(): void {
    while (this.#changed[this.end] === 1) this.end++;
  }

  #growBack(): void {
    while (this.start > 0 && this.#changed[this.start - 1] === 1) this.start--;
  }
}

/**
 * Slides each run of changed lines down as far as possible, or to the last position where it aligns with a
 * run of the other file. Runs of both files correspond by number, because the lines between them are equal.
 */
function slideChanges(lines: Int32Array, changed: Uint8Array, other: Uint8Array): void {
  const run = new Run(changed);
  const facing = new Run(other);
  do {
    if (run.end > run.start) slide(run, facing, lines);
  } while (run.next() && facing.next());
}

function slide(run: Run, facing: Run, lines: Int32Array): void {
  let size: number;
  let highest: number;
  let meets: boolean;
  do {
    size = run.end - run.start;
    while (run.slideUp(lines)) facing.previous();
    highest = run.end;
    meets = facing.end > facing.start;
    while (run.slideDown(lines)) {
      facing.next();
      if (facing.end > facing.start) meets = true;
    }
  } while (size !== run.end - run.start);
  if (run.end === highest || !meets) return;
  while (facing.end === facing.start) {
    run.slideUp(lines);
    facing.previous();
  }
}

function listChanges(
  gone: Uint8Array,
  oldLength: number,
  come: Uint8Array,
  newLength: number,
): LineChange[] {
  const changes: LineChange[] = [];
  let at = 0;
  let newAt = 0;
  while (at < oldLength || newAt < newLength) {
    const start = at;
    const newStart = newAt;
    while (gone[at] === 1) at++;
    while (come[newAt] === 1) newAt++;
    if (at > start || newAt > newStart) {
      changes.push({
        old: start,
        oldCount: at - start,
        new: newStart,
        newCount: newAt - newStart,
      });
    }
    at++;
    newAt++;
  }
  return changes;
}

/**
 * Merges text by lines. Walks both sides' changes of the base in parallel. Overlapping or touching changes
 * form a *zone*, which is a conflict unless both sides are equal. All other changes are taken from their
 * side. A conflict is then compared line by line and reduced to the differing lines. The rules are those
 * of Git's merges, so that results are equal byte for byte.
 */
import { asBuffer, sharedEnding, sharedLength } from '../bytes.ts';
import { diffLines, type LineChange } from './lineDiff.ts';
import { spliceEdits } from './splice.ts';

/** The side that wins a conflict; `union`: the lines of both, ours first. */
export type Favor = 'ours' | 'theirs' | 'union';

export interface TextMergeOptions {
  readonly favor?: Favor | undefined;
  /** Labels after the markers `<<<<<<<` and `>>>>>>>`. */
  readonly labels: { readonly ours: string; readonly theirs: string };
  /** Number of characters of a marker; default 7. */
  readonly markerSize?: number | undefined;
}

export interface MergedText {
  /** The result, with markers around conflicts. */
  readonly body: Buffer;
  /** Number of conflicts. */
  readonly conflicts: number;
}

const MARKER_SIZE = 7;

/** Conflicts with at most this many lines between them are joined. */
const NEAR = 3;

/** Bytes in which Git looks for a NUL. */
const BINARY_PROBE = 8000;

/** Whether Git treats the bytes as binary. */
export function isBinary(body: Uint8Array): boolean {
  return asBuffer(body.subarray(0, BINARY_PROBE)).includes(0);
}

/** Source of a part of the result. */
type Choice = 'conflict' | 'ours' | 'theirs' | 'both' | 'same';

/** A range of ours and the corresponding range of theirs. */
interface Zone {
  choice: Choice;
  ours: number;
  oursCount: number;
  theirs: number;
  theirsCount: number;
}

/** Merges the changes of `ours` and `theirs` to `base`. Preserves bytes of any encoding. */
export function mergeText(
  base: Uint8Array,
  ours: Uint8Array,
  theirs: Uint8Array,
  options: TextMergeOptions,
): MergedText {
  const body = spliceEdits(base, ours, theirs);
  return body === undefined ? mergeLines(base, ours, theirs, options) : { body, conflicts: 0 };
}

/** The same without the short way for edits that are far apart. */
export function mergeLines(
  base: Uint8Array,
  ours: Uint8Array,
  theirs: Uint8Array,
  options: TextMergeOptions,
): MergedText {
  const table = new LineTable();
  const old = table.lines(base);
  const mine = table.lines(ours, old);
  const other = table.lines(theirs, old);
  const myChanges = diffLines(old.ids, mine.ids, table.size);
  if (myChanges.length === 0) return { body: asBuffer(theirs), conflicts: 0 };
  const otherChanges = diffLines(old.ids, other.ids, table.size);
  if (otherChanges.length === 0) return { body: asBuffer(ours), conflicts: 0 };

  const found = findZones(myChanges, otherChanges, mine.ids, other.ids);
  const zones = joinNear(refineConflicts(found, mine.ids, other.ids, table.size));
  const conflicts = zones.filter(({ choice }) => choice === 'conflict').length;
  const output = new Output(old.text, mine.text, other.text, options);
  for (const zone of zones) output.add(zone);
  return { body: output.end(), conflicts: options.favor === undefined ? conflicts : 0 };
}

export interface Lines {
  readonly body: Buffer;
  /** Each with its line end. */
  readonly text: readonly string[];
  readonly ids: Int32Array;
}

/** Assigns equal numbers to equal lines. */
export class LineTable {
  readonly #ids = new Map<string, number>();

  get size(): number {
    return this.#ids.size;
  }

  /** @param like a text whose common first and last lines are reused */
  lines(body: Uint8Array, like?: Lines): Lines {
    const bytes = asBuffer(body);
    const { head, tail, start, end } = sharedEnds(bytes, like);
    // One character per byte, which preserves any bytes.
    const middle = bytes.toString('latin1', start, end);
    const text = like === undefined ? [] : like.text.slice(0, head);
    for (let at = 0; at < middle.length; ) {
      const next = middle.indexOf('\n', at) + 1 || middle.length;
      text.push(middle.slice(at, next));
      at = next;
    }
    const last = text.length;
    if (like !== undefined)
      for (const line of like.text.slice(like.text.length - tail)) text.push(line);
    const ids = new Int32Array(text.length);
    if (like !== undefined) {
      ids.set(like.ids.subarray(0, head));
      ids.set(like.ids.subarray(like.ids.length - tail), last);
    }
    for (let i = head; i < last; i++) {
      const line = text[i]!;
      let id = this.#ids.get(line);
      if (id === undefined) {
        id = this.#ids.size;
        this.#ids.set(line, id);
      }
      ids[i] = id;
    }
    return { body: bytes, text, ids };
  }
}

/**
 * The number of lines that a text shares with the beginning and the end of `like`.
 * @returns also the byte offsets of the part between
 */
function sharedEnds(
  body: Buffer,
  like: Lines | undefined,
): { head: number; tail: number; start: number; end: number } {
  let head = 0;
  let start = 0;
  let tail = 0;
  let end = body.length;
  if (like === undefined) return { head, tail, start, end };
  const { body: other, text } = like;
  const most = Math.min(body.length, other.length);
  const before = sharedLength(body, 0, other, 0, most);
  for (; head < text.length; head++) {
    const line = text[head]!;
    // The other text may continue a last line without a line end.
    if (start + line.length > before || !line.endsWith('\n')) break;
    start += line.length;
  }
  const after = sharedEnding(body, other, most - start);
  for (; tail < text.length - head; tail++) {
    const { length } = text[text.length - tail - 1]!;
    // The line end before it must be common, too.
    if (body.length - end + length >= after) break;
    end -= length;
  }
  return { head, tail, start, end };
}

function findZones(
  mine: readonly LineChange[],
  others: readonly LineChange[],
  myLines: Int32Array,
  otherLines: Int32Array,
): Zone[] {
  const zones: Zone[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const my = mine[i];
    const other = others[j];
    if (my === undefined && other === undefined) return zones;
    if (other === undefined || (my !== undefined && my.old + my.oldCount < other.old)) {
      // The position in theirs: after its last change, or before its next one.
      const theirs = my!.old + (other === undefined ? shiftAfter(others.at(-1)!) : shift(other));
      append(zones, 'ours', my!.new, my!.newCount, theirs, my!.oldCount);
      i += 1;
    } else if (my === undefined || other.old + other.oldCount < my.old) {
      const ours = other.old + (my === undefined ? shiftAfter(mine.at(-1)!) : shift(my));
      append(zones, 'theirs', ours, other.oldCount, other.new, other.newCount);
      j += 1;
    } else {
      if (!isSame(my, other, myLines, otherLines)) appendConflict(zones, my, other);
      const myEnd = my.old + my.oldCount;
      const otherEnd = other.old + other.oldCount;
      if (myEnd >= otherEnd) j += 1;
      if (otherEnd >= myEnd) i += 1;
    }
  }
}

/** Offset from a line of the base before the change to the same line of the changed file. */
function shift(change: LineChange): number {
  return change.new - change.old;
}

/** The same for a line after the change. */
function shiftAfter(change: LineChange): number {
  return change.new + change.newCount - change.old - change.oldCount;
}

function isSame(
  my: LineChange,
  other: LineChange,
  myLines: Int32Array,
  otherLines: Int32Array,
): boolean {
  if (my.old !== other.old || my.oldCount !== other.oldCount) return false;
  if (my.newCount !== other.newCount) return false;
  for (let at = 0; at < my.newCount; at++) {
    if (myLines[my.new + at] !== otherLines[other.new + at]) return false;
  }
  return true;
}

/** Adds a conflict of both changes, each extended by the base lines that only the other has changed. */
function appendConflict(zones: Zone[], my: LineChange, other: LineChange): void {
  const old = Math.min(my.old, other.old);
  const oldEnd = Math.max(my.old + my.oldCount, other.old + other.oldCount);
  const ours = my.new - (my.old - old);
  const theirs = other.new - (other.old - old);
  const oursEnd = my.new + my.newCount + (oldEnd - my.old - my.oldCount);
  const theirsEnd = other.new + other.newCount + (oldEnd - other.old - other.oldCount);
  append(zones, 'conflict', ours, oursEnd - ours, theirs, theirsEnd - theirs);
}

function append(
  zones: Zone[],
  choice: Choice,
  ours: number,
  oursCount: number,
  theirs: number,
  theirsCount: number,
): void {
  const last = zones.at(-1);
  const touches =
    last !== undefined &&
    (ours <= last.ours + last.oursCount || theirs <= last.theirs + last.theirsCount);
  if (!touches) {
    zones.push({ choice, ours, oursCount, theirs, theirsCount });
    return;
  }
  if (last.choice !== choice) last.choice = 'conflict';
  last.oursCount = ours + oursCount - last.ours;
  last.theirsCount = theirs + theirsCount - last.theirs;
}

/** Reduces each conflict to the lines that differ between its sides. */
function refineConflicts(
  zones: readonly Zone[],
  mine: Int32Array,
  others: Int32Array,
  kinds: number,
): Zone[] {
  const refined: Zone[] = [];
  for (const zone of zones) {
    const { choice, ours, oursCount, theirs, theirsCount } = zone;
    if (choice !== 'conflict' || oursCount === 0 || theirsCount === 0) {
      refined.push(zone);
      continue;
    }
    const differences = diffLines(
      mine.subarray(ours, ours + oursCount),
      others.subarray(theirs, theirs + theirsCount),
      kinds,
    );
    if (differences.length === 0) refined.push({ ...zone, choice: 'same' });
    for (const one of differences) {
      refined.push({
        choice,
        ours: ours + one.old,
        oursCount: one.oldCount,
        theirs: theirs + one.new,
        theirsCount: one.newCount,
      });
    }
  }
  return refined;
}

function joinNear(zones: readonly Zone[]): Zone[] {
  const joined: Zone[] = [];
  for (const zone of zones) {
    const last = joined.at(-1);
    const isNear =
      last?.choice === 'conflict' &&
      zone.choice === 'conflict' &&
      zone.ours - last.ours - last.oursCount <= NEAR;
    if (!isNear) {
      joined.push(zone);
      continue;
    }
    last.oursCount = zone.ours + zone.oursCount - last.ours;
    last.theirsCount = zone.theirs + zone.theirsCount - last.theirs;
  }
  return joined;
}

class Output {
  readonly #base: readonly string[];
  readonly #mine: readonly string[];
  readonly #others: readonly string[];
  readonly #options: TextMergeOptions;
  readonly #parts: string[] = [];
  /** Number of our lines already processed. */
  #at = 0;

  constructor(
    base: readonly string[],
    mine: readonly string[],
    others: readonly string[],
    options: TextMergeOptions,
  ) {
    this.#base = base;
    this.#mine = mine;
    this.#others = others;
    this.#options = options;
  }

  add(zone: Zone): void {
    const { ours, oursCount } = zone;
    const { favor } = this.#options;
    let { choice } = zone;
    if (choice === 'same') return;
    if (choice === 'conflict' && favor !== undefined) choice = favor === 'union' ? 'both' : favor;
    this.#copy(this.#mine, this.#at, ours);
    this.#at = ours + oursCount;
    if (choice === 'conflict') this.#addConflict(zone);
    else {
      if (choice !== 'theirs') {
        this.#copy(this.#mine, ours, this.#at);
        if (choice === 'both' && oursCount > 0) this.#endLine(this.#lineEnd(zone));
      }
      if (choice !== 'ours') this.#copyTheirs(zone);
    }
  }

  end(): Buffer {
    this.#copy(this.#mine, this.#at, this.#mine.length);
    return Buffer.from(this.#parts.join(''), 'latin1');
  }

  #addConflict(zone: Zone): void {
    const { labels, markerSize = MARKER_SIZE } = this.#options;
    const lineEnd = this.#lineEnd(zone);
    const mark = (sign: string, label: string): void => {
      // Encode the label, because the text is one character per byte.
      const text = label === '' ? '' : ` ${Buffer.from(label).toString('latin1')}`;
      this.#parts.push(`${sign.repeat(markerSize)}${text}${lineEnd}`);
    };
    mark('<', labels.ours);
    this.#copy(this.#mine, zone.ours, zone.ours + zone.oursCount);
    if (zone.oursCount > 0) this.#endLine(lineEnd);
    mark('=', '');
    this.#copyTheirs(zone);
    if (zone.theirsCount > 0) this.#endLine(lineEnd);
    mark('>', labels.theirs);
  }

  #copyTheirs({ theirs, theirsCount }: Zone): void {
    this.#copy(this.#others, theirs, theirs + theirsCount);
  }

  #copy(lines: readonly string[], start: number, end: number): void {
    for (let at = start; at < end; at++) this.#parts.push(lines[at]!);
  }

  /** Adds a missing line end, which only the last line of a file can lack. */
  #endLine(lineEnd: string): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && !last.endsWith('\n')) this.#parts.push(lineEnd);
  }

  /** CR LF when the base begins with it and the preceding lines of both sides use nothing else. */
  #lineEnd({ ours, theirs }: Zone): string {
    const isCrLf =
      endsInCrLf(this.#mine, Math.max(0, ours - 1)) !== false &&
      endsInCrLf(this.#others, Math.max(0, theirs - 1)) !== false &&
      endsInCrLf(this.#base, 0) === true;
    return isCrLf ? '\r\n' : '\n';
  }
}

/** Undefined when there is no line end to judge by. */
function endsInCrLf(lines: readonly string[], index: number): boolean | undefined {
  const line = lines[index];
  if (line === undefined) return undefined;
  if (line.endsWith('\n')) return line.endsWith('\r\n');
  return index === 0 ? undefined : lines[index - 1]!.endsWith('\r\n');
}

/**
 * Merges two changes of a text that are far apart without looking at its other lines: most merges of a file
 * are one edit here and another there.
 *
 * Each side's *edit* is what is left of the base and of the side between their common first and last lines.
 * Where no line of an edit occurs anywhere else in the base, a diff by lines finds its changes within the edit,
 * and none of them slides out of it. So two such edits with a line between them do not touch, and the merge by
 * lines (text.ts) would give the same bytes.
 */
import { asBuffer, sharedEnding, sharedLength } from '../bytes.ts';

/** Offsets in bytes, all of them at the start of a line or at the end of the text. */
interface Edit {
  readonly start: number;
  readonly baseEnd: number;
  readonly sideEnd: number;
}

/** Each line of an edit is searched for in the base, so larger edits are left to the diff. */
const MOST_LINES = 64;

/** A diff takes lines that occur more often for no anchors (lineDiff.ts). */
const MOST_OCCURRENCES = 64;

/** Lines beside an edit among which there must be an anchor. */
const ANCHORS_TRIED = 4;

const LINE_END = 10;

/** @returns undefined where only a merge by lines can tell */
export function spliceEdits(
  base: Uint8Array,
  ours: Uint8Array,
  theirs: Uint8Array,
): Buffer | undefined {
  const [old, mine, other] = [asBuffer(base), asBuffer(ours), asBuffer(theirs)];
  const my = editOf(old, mine);
  const their = editOf(old, other);
  if (my.baseEnd < their.start) {
    if (!isApart(old, mine, my) || !isApart(old, other, their)) return undefined;
    return Buffer.concat([mine.subarray(0, my.sideEnd), other.subarray(my.baseEnd)]);
  }
  if (their.baseEnd < my.start) {
    if (!isApart(old, mine, my) || !isApart(old, other, their)) return undefined;
    return Buffer.concat([other.subarray(0, their.sideEnd), mine.subarray(their.baseEnd)]);
  }
  return undefined;
}

function editOf(base: Buffer, side: Buffer): Edit {
  const most = Math.min(base.length, side.length);
  const head = sharedLength(base, 0, side, 0, most);
  const start = head === 0 ? 0 : base.lastIndexOf(LINE_END, head - 1) + 1;
  const tail = sharedEnding(base, side, most - start);
  const [baseAt, sideAt] = [base.length - tail, side.length - tail];
  if (isLineStart(base, baseAt) && isLineStart(side, sideAt)) {
    return { start, baseEnd: baseAt, sideEnd: sideAt };
  }
  const end = base.indexOf(LINE_END, baseAt);
  const skipped = end < 0 ? tail : end + 1 - baseAt;
  return { start, baseEnd: baseAt + skipped, sideEnd: sideAt + skipped };
}

function isLineStart(text: Buffer, at: number): boolean {
  return at === 0 || text[at - 1] === LINE_END;
}

/** Whether the lines of an edit occur nowhere else in the base, and lines that serve as anchors are beside it. */
function isApart(base: Buffer, side: Buffer, { start, baseEnd, sideEnd }: Edit): boolean {
  return (
    isForeign(base, base, start, baseEnd, start, baseEnd) &&
    isForeign(base, side, start, sideEnd, start, baseEnd) &&
    (start === 0 || hasAnchor(base, 0, start)) &&
    (baseEnd === base.length || hasAnchor(base, baseEnd, base.length))
  );
}

/** Whether no line of `text` from `from` to `to` occurs in the base before `start` or from `end` on. */
function isForeign(
  base: Buffer,
  text: Buffer,
  from: number,
  to: number,
  start: number,
  end: number,
): boolean {
  let lines = 0;
  for (let at = from; at < to; ) {
    const lineEnd = text.indexOf(LINE_END, at) + 1;
    if (lineEnd === 0 || lineEnd > to || ++lines > MOST_LINES) return false;
    const line = text.subarray(at, lineEnd);
    if (occursIn(base.subarray(0, start), line) || occursIn(base.subarray(end), line)) return false;
    at = lineEnd;
  }
  return true;
}

/** @param text begins with a line */
function occursIn(text: Buffer, line: Buffer): boolean {
  for (let at = text.indexOf(line); at >= 0; at = text.indexOf(line, at + 1)) {
    if (isLineStart(text, at)) return true;
  }
  return false;
}

/** Whether one of the first lines from `from` to `to` is rare enough in the base. */
function hasAnchor(base: Buffer, from: number, to: number): boolean {
  let at = from;
  for (let tried = 0; tried < ANCHORS_TRIED && at < to; tried++) {
    const lineEnd = base.indexOf(LINE_END, at) + 1 || base.length;
    const line = base.subarray(at, lineEnd);
    let count = 0;
    for (let i = base.indexOf(line); i >= 0 && count <= MOST_OCCURRENCES; ) {
      count++;
      i = base.indexOf(line, i + 1);
    }
    if (count <= MOST_OCCURRENCES) return true;
    at = lineEnd;
  }
  return false;
}

/**
 * Takes the body of a tree apart: the one place that knows how an entry is written. A body is a run of
 * *entries*, `<mode in octal> <name>\0<20 bytes of id>`, ordered by name bytes with every directory compared
 * as if its name ended in `/` (Git's `base_name_compare`; gitformat-pack(5) does not describe it).
 *
 * A scan allocates nothing per entry and accepts whatever can be taken apart. tree.ts builds on it what
 * checks modes and names.
 */

/** Bytes of an id in an entry. */
export const ID_LENGTH = 20;

/** The bits of a mode that tell the type. */
const TYPE_BITS = 0o170000;
const TREE_BITS = 0o040000;
const GITLINK_BITS = 0o160000;
const SPACE = 0x20;
const SLASH = 0x2f;
const ZERO_DIGIT = 0x30;
/** Digits of a mode, at most. More do not fit into a number of 32 bits. */
const MOST_DIGITS = 8;

export type ScanFault =
  | 'no mode'
  | 'a mode that is not octal'
  | 'a mode that is too large'
  | 'an entry that is cut off';

/** What an entry refers to. `commit`: a submodule, whose objects are in another repository. */
export type LinkKind = 'tree' | 'blob' | 'commit';

export function linkKind(mode: number): LinkKind {
  const type = mode & TYPE_BITS;
  return type === TREE_BITS ? 'tree' : type === GITLINK_BITS ? 'commit' : 'blob';
}

/** The byte that a name counts as ending in: `/` for a directory, else 0. */
export function endingOf(mode: number): number {
  return (mode & TYPE_BITS) === TREE_BITS ? SLASH : 0;
}

/** Goes through the entries of a body. Its fields describe the current entry, as offsets in the body. */
export class EntryScan<Body extends Uint8Array = Uint8Array> {
  readonly body: Body;
  start = 0;
  /** As written, also one that Git does not know. */
  mode = 0;
  nameStart = 0;
  /** Of the NUL. The id begins one byte after it. */
  nameEnd = 0;
  /** Where the next entry begins. May be set, to the beginning of an entry or to the end of the body. */
  end = 0;
  /** Why `next` has returned false before the end of the body. */
  fault: ScanFault | undefined;

  constructor(body: Body) {
    this.body = body;
  }

  /** Moves to the next entry; false at the end, and where no entry can be read. */
  next(): boolean {
    const { body } = this;
    const { length } = body;
    const start = this.end;
    if (start >= length) return false;
    this.start = start;
    let at = start;
    let mode = 0;
    for (let byte = body[at]; byte !== SPACE; byte = body[++at]) {
      // `undefined` past the end is not a digit either.
      const digit = byte! - ZERO_DIGIT;
      if (!(digit >= 0 && digit <= 7)) return this.#fails('a mode that is not octal');
      mode = (mode << 3) | digit;
    }
    if (at === start) return this.#fails('no mode');
    if (at - start > MOST_DIGITS) return this.#fails('a mode that is too large');
    const nameStart = ++at;
    const last = length - ID_LENGTH;
    while (at < last && body[at] !== 0) at++;
    if (at >= last) return this.#fails('an entry that is cut off');
    this.mode = mode;
    this.nameStart = nameStart;
    this.nameEnd = at;
    this.end = at + 1 + ID_LENGTH;
    return true;
  }

  /** The order of the current entry and that of another scan: less than 0 if this one comes first. */
  compareTo(other: EntryScan): number {
    return compareNames(
      this.body,
      this.nameStart,
      this.nameEnd,
      endingOf(this.mode),
      other.body,
      other.nameStart,
      other.nameEnd,
      endingOf(other.mode),
    );
  }

  #fails(fault: ScanFault): false {
    this.fault = fault;
    return false;
  }
}

/** Git's order of two names within bytes. Zero only for the same name with the same ending. */
export function compareNames(
  bytesA: Uint8Array,
  startA: number,
  endA: number,
  endingA: number,
  bytesB: Uint8Array,
  startB: number,
  endB: number,
  endingB: number,
): number {
  const lengthA = endA - startA;
  const lengthB = endB - startB;
  const shared = Math.min(lengthA, lengthB);
  for (let i = 0; i < shared; i++) {
    const difference = bytesA[startA + i]! - bytesB[startB + i]!;
    if (difference !== 0) return difference;
  }
  const afterA = lengthA > shared ? bytesA[startA + shared]! : endingA;
  const afterB = lengthB > shared ? bytesB[startB + shared]! : endingB;
  return afterA - afterB || lengthA - lengthB;
}

/** The length of the entries from `start` on that end within the next `length` bytes. */
export function wholeEntries(body: Uint8Array, start: number, length: number): number {
  const limit = start + length;
  for (let entry = start; ; ) {
    let at = entry;
    // Mode and name have no NUL: the first one ends the name.
    while (at < limit && body[at] !== 0) at++;
    at += 1 + ID_LENGTH;
    if (at > limit) return entry - start;
    entry = at;
  }
}

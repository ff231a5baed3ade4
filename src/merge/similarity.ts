/**
 * Similarity of two files as in Git's rename detection: each file is split into pieces that end at a line
 * end or after 64 bytes. The score is based on the bytes of common pieces.
 */
import { isBinary } from './text.ts';

/** Git's score of two equal files. */
export const FULL_SCORE = 60_000;

/** Number of hash classes of pieces. */
const CLASSES = 107_927;
const LONGEST_PIECE = 64;
const CR = 0x0d;
const LF = 0x0a;

/** Bytes of a file by class of piece: class, bytes, class, bytes, …, by ascending class. */
export type Pieces = Int32Array;

const bytesOf = new Int32Array(CLASSES);

/** Splits a file into pieces. */
export function piecesOf(body: Uint8Array): Pieces {
  const isText = !isBinary(body);
  const classes: number[] = [];
  let high = 0;
  let low = 0;
  let length = 0;
  const endPiece = (): void => {
    const kind = ((high + Math.imul(low, 0x61)) >>> 0) % CLASSES;
    if (bytesOf[kind] === 0) classes.push(kind);
    bytesOf[kind]! += length;
    high = 0;
    low = 0;
    length = 0;
  };
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!;
    if (byte === CR && isText && body[at + 1] === LF) continue;
    const before = high;
    high = ((high << 7) ^ (low >>> 25)) + byte;
    low = (low << 7) ^ (before >>> 25);
    if (++length === LONGEST_PIECE || byte === LF) endPiece();
  }
  if (length > 0) endPiece();
  const kinds = Int32Array.from(classes).sort();
  const pieces = new Int32Array(2 * kinds.length);
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!;
    pieces[2 * i] = kind;
    pieces[2 * i + 1] = bytesOf[kind]!;
    bytesOf[kind] = 0;
  }
  return pieces;
}

/** Bytes of the pieces that both have. */
function sharedBytes(a: Pieces, b: Pieces): number {
  let shared = 0;
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    const kind = a[i]!;
    while (j < b.length && b[j]! < kind) j += 2;
    if (j < b.length && b[j] === kind) {
      shared += Math.min(a[i + 1]!, b[j + 1]!);
      j += 2;
    }
  }
  return shared;
}

/** Whether files of these sizes can reach the score at all. */
export function canReach(size: number, otherSize: number, score: number): boolean {
  const larger = Math.max(size, otherSize);
  return larger * (FULL_SCORE - score) >= Math.abs(size - otherSize) * FULL_SCORE;
}

/** From 0 to `FULL_SCORE`. @param size of the larger file, in bytes */
export function similarity(a: Pieces, b: Pieces, size: number): number {
  return size === 0 ? 0 : Math.trunc((sharedBytes(a, b) * FULL_SCORE) / size);
}

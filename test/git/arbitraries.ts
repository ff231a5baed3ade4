/** Random bytes, names and damage for the tests of Git's formats. */
import fc from 'fast-check';
import { CorruptObjectError } from '../../src/errors.ts';
import {
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_GITLINK,
  MODE_LINK,
  MODE_TREE,
} from '../../src/git/objects/tree.ts';
import { decodePath } from '../../src/git/pathBytes.ts';

export const objectIds = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));

/** Bytes near the borders of UTF-8: valid sequences, cut ones, surrogates, and noise. */
export const pathBytes = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', 'b', '.', '-', '0', ' ').map((text) => Buffer.from(text)),
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }),
      fc
        .constantFrom('c3', 'eda080', 'f09f9880', 'f09f98', 'c0af', 'f4908080', 'efbfbd', 'efbbbf')
        .map((hex) => Buffer.from(hex, 'hex')),
    ),
    { maxLength: 5 },
  )
  .map((parts) => Buffer.concat(parts));

/** Names that a tree can hold, often with a common beginning, and the order of `/` in play. */
export const entryNames = fc
  .oneof(
    fc.stringMatching(/^[ab./\-0]{1,3}$/).map((text) => Buffer.from(text)),
    pathBytes,
  )
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0 && byte !== 0x2f)))
  .map((bytes) => decodePath(bytes))
  .filter((name) => !['', '.', '..'].includes(name));

export const entryModes = fc.constantFrom(
  MODE_FILE,
  MODE_EXECUTABLE,
  MODE_LINK,
  MODE_TREE,
  MODE_GITLINK,
);

/** Those bytes with one or a few kinds of damage. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const place = fc.nat(Math.max(0, bytes.length - 1));
  const damage = fc.oneof(
    place.map((at) => (old: Buffer) => Buffer.from(old.subarray(0, at))),
    fc.tuple(place, fc.nat(7)).map(([at, bit]) => (old: Buffer) => {
      const changed = Buffer.from(old);
      if (at < changed.length) changed[at]! ^= 1 << bit;
      return changed;
    }),
    fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([at, noise]) => {
      return (old: Buffer) => Buffer.concat([old.subarray(0, at), noise, old.subarray(at)]);
    }),
    fc.tuple(place, fc.constantFrom(0, 0x7f, 0x80, 0xff), fc.nat(8)).map(([at, byte, length]) => {
      return (old: Buffer) => {
        const end = Math.min(at + length, old.length);
        return Buffer.from(old).fill(byte, Math.min(at, end), end);
      };
    }),
  );
  return fc
    .array(damage, { minLength: 1, maxLength: 3 })
    .map((steps) => steps.reduce((old, step) => step(old), Buffer.from(bytes)));
}

/** Runs a parser on bad bytes: it may succeed, and it may throw `CorruptObjectError`, nothing else. */
export function survives(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error;
  }
}

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import {
  PackIndex,
  type PackIndexEntry,
  serializePackIndex,
} from '../../src/git/packs/packIndex.ts';
import { runs } from '../crash/stress.ts';
import { git } from '../helpers/git.ts';
import { damaged, objectIds, survives } from './arbitraries.ts';
import { emptyRepository, type KnownPack, packObjects, writeSimilarBlobs } from './packFixture.ts';

const CHECKSUM = Buffer.alloc(20, 7);

const entries: fc.Arbitrary<PackIndexEntry[]> = fc.uniqueArray(
  fc.record({
    // Ids that begin alike are rare by chance.
    id: fc.oneof(
      objectIds,
      objectIds.map((id) => `00000000${id.slice(8)}`),
      objectIds.map((id) => `ffffffffffffffffffffffffffffffffffffff${id.slice(38)}`),
    ),
    offset: fc.oneof(
      fc.nat(),
      fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff, 0x100000000),
      fc.maxSafeNat(),
    ),
    crc: fc.nat(0xffffffff),
  }),
  { selector: ({ id }) => id, maxLength: 30 },
);

/** An index with other bytes, and a right checksum again. */
function withBytes(index: Buffer, at: number, bytes: Uint8Array): Buffer {
  const changed = Buffer.from(index);
  changed.set(bytes, at);
  changed.set(createHash('sha1').update(changed.subarray(0, -20)).digest(), changed.length - 20);
  return changed;
}

function expectKnown(index: PackIndex, known: KnownPack, withCrc: boolean): void {
  const sorted = known.entries.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(index.count).toBe(sorted.length);
  expect(index.packChecksum).toEqual(known.pack.subarray(-20));
  sorted.forEach(({ id, offset, crc }, row) => {
    expect(index.find(id)).toEqual({ offset, crc: withCrc ? crc : undefined });
    expect(index.indexOf(id)).toBe(row);
    expect(index.idAt(row)).toBe(id);
    expect(index.offsetAt(row)).toBe(offset);
    expect(index.crcAt(row)).toBe(withCrc ? crc : undefined);
    expect(index.findPrefix(id.slice(0, 39), 5)).toEqual([id]);
  });
  index.verifyChecksum();
}

describe('indexes of Git', () => {
  let store = '';
  let known: KnownPack;
  beforeAll(() => {
    store = emptyRepository();
    known = packObjects(store, writeSimilarBlobs(store, 60, 'some'));
  });

  test('version 2 is read, and written the same', () => {
    expectKnown(PackIndex.parse(known.index), known, true);
    expect(serializePackIndex(known.entries, known.pack.subarray(-20))).toEqual(known.index);
    const reversed = known.entries.toReversed();
    expect(serializePackIndex(reversed, known.pack.subarray(-20))).toEqual(known.index);
  });

  test('version 1 is read', () => {
    const index = PackIndex.parse(indexPack('1'));
    expect(index.version).toBe(1);
    expectKnown(index, known, false);
  });

  test('64-bit offsets are read', () => {
    // Makes Git write every offset above 64 with 64 bits.
    const bytes = indexPack('2,0x40');
    expect(bytes.length).toBeGreaterThan(known.index.length);
    expectKnown(PackIndex.parse(bytes), known, true);
  });

  function indexPack(version: string): Buffer {
    const file = join(store, 'other.idx');
    git(store, 'index-pack', `--index-version=${version}`, '-o', file, `${known.path}.pack`);
    return readFileSync(file);
  }
});

describe('PackIndex', () => {
  test('gives back what serializePackIndex took', () => {
    fc.assert(
      fc.property(entries, objectIds, (list, absent) => {
        const index = PackIndex.parse(serializePackIndex(list, CHECKSUM));
        index.verifyChecksum();
        expect(index.count).toBe(list.length);
        expect(index.packChecksum).toEqual(CHECKSUM);
        for (const { id, offset, crc } of list) expect(index.find(id)).toEqual({ offset, crc });
        const ids = Array.from({ length: index.count }, (_, row) => index.idAt(row));
        expect(ids).toEqual(list.map(({ id }) => id).sort());
        if (!ids.includes(absent)) expect(index.find(absent)).toBeUndefined();
      }),
    );
  });

  test('finds by prefix of any length', () => {
    const prefixes = fc.oneof(
      fc.stringMatching(/^[0f]{1,9}$/),
      objectIds.map((id) => id.slice(0, 2)),
    );
    fc.assert(
      fc.property(entries, prefixes, fc.nat(4), (list, prefix, limit) => {
        const index = PackIndex.parse(serializePackIndex(list, CHECKSUM));
        const matches = list.map(({ id }) => id).filter((id) => id.startsWith(prefix));
        expect(index.findPrefix(prefix, limit)).toEqual(matches.sort().slice(0, limit));
      }),
    );
    const index = PackIndex.parse(serializePackIndex([], CHECKSUM));
    expect(index.findPrefix('abcd', 2)).toEqual([]);
    expect(index.findPrefix('no hex', 2)).toEqual([]);
  });

  test('one search after the other in several indexes', () => {
    fc.assert(
      fc.property(entries, entries, (a, b) => {
        const indexes = [a, b].map((list) => PackIndex.parse(serializePackIndex(list, CHECKSUM)));
        for (const { id } of [...a, ...b]) {
          const found = indexes.map((index) => index.find(id) !== undefined);
          expect(found).toEqual([a, b].map((list) => list.some((entry) => entry.id === id)));
        }
      }),
    );
  });

  test('what is no id is not found', () => {
    const id = 'ab'.repeat(20);
    const index = PackIndex.parse(serializePackIndex([{ id, offset: 12, crc: 1 }], CHECKSUM));
    for (const text of ['', 'xyz', id.slice(1), `${id}00`, `${id.slice(0, 38)}zz`]) {
      expect(index.find(text)).toBeUndefined();
      expect(index.find(id)).toEqual({ offset: 12, crc: 1 });
    }
    expect(() => index.idAt(1)).toThrow(RangeError);
    expect(() => index.offsetAt(-1)).toThrow(RangeError);
    expect(() => index.crcAt(Number.NaN)).toThrow(RangeError);
  });

  test('an entry that cannot be written is refused', () => {
    const entry = { id: 'nonsense', offset: 1, crc: 1 };
    expect(() => serializePackIndex([entry], CHECKSUM)).toThrow(TypeError);
  });
});

describe('damaged indexes', () => {
  const list = ['00', '01', 'ff'].map((byte, i) => ({
    id: byte.repeat(20),
    offset: i === 2 ? 2 ** 40 : i,
    crc: i,
  }));
  const index = serializePackIndex(list, CHECKSUM);
  const idsAt = 8 + 1024;
  const offsetsAt = idsAt + 3 * 24;

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(100)],
    ['version 3', withBytes(index, 7, Buffer.of(3))],
    ['a fan-out that goes down', withBytes(index, 8 + 4 * 5, Buffer.alloc(4))],
    ['a fan-out beyond the end', withBytes(index, 8 + 4 * 255, Buffer.alloc(4, 0xff))],
    ['a byte too many', Buffer.concat([index, Buffer.of(0)])],
    ['a byte too few', index.subarray(1)],
    ['more large offsets than objects', Buffer.concat([index, Buffer.alloc(24)])],
  ])('%s', (_, bytes) => {
    expect(() => PackIndex.parse(bytes, 'pack-x.idx')).toThrow(CorruptObjectError);
    expect(() => PackIndex.parse(bytes, 'pack-x.idx')).toThrow('pack-x.idx');
  });

  test('a large offset that is not there, or beyond 2^53', () => {
    const missing = withBytes(index, offsetsAt + 4, Buffer.from('80000009', 'hex'));
    expect(() => PackIndex.parse(missing).find(list[1]!.id)).toThrow(CorruptObjectError);
    expect(PackIndex.parse(missing).find(list[0]!.id)).toEqual({ offset: 0, crc: 0 });
    const huge = withBytes(index, offsetsAt + 12, Buffer.alloc(8, 0xff));
    expect(() => PackIndex.parse(huge).find(list[2]!.id)).toThrow(CorruptObjectError);
  });

  test('the checksum, the order of ids and their place in the fan-out are verified', () => {
    const flipped = Buffer.from(index);
    flipped[idsAt + 5]! ^= 1;
    const swapped = withBytes(index, idsAt, Buffer.from('01'.repeat(20) + '00'.repeat(20), 'hex'));
    for (const bytes of [flipped, swapped]) {
      expect(() => PackIndex.parse(bytes).verifyChecksum()).toThrow(CorruptObjectError);
    }
  });

  test('are an error or another index, nothing else', () => {
    fc.assert(
      fc.property(
        entries.chain((some) => damaged(serializePackIndex(some, CHECKSUM))),
        (bytes) => {
          survives(() => {
            const read = PackIndex.parse(bytes);
            read.findPrefix('0', 5);
            read.findPrefix('f', 5);
            for (let row = 0; row < read.count; row++) survives(() => read.find(read.idAt(row)));
          });
          survives(() => PackIndex.parse(bytes).verifyChecksum());
        },
      ),
      { numRuns: runs(300) },
    );
  });
});

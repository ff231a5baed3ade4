import { crc32, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { hashObject, isObjectType } from '../../src/git/objectId.ts';
import { applyDelta, deltaSizes, LONGEST_DELTA_SIZES } from '../../src/git/packs/delta.ts';
import {
  LONGEST_ENTRY_HEADER,
  offsetDelta,
  PACK_HEADER_LENGTH,
  PackType,
  packEntryHeader,
  packHeader,
  packObjectType,
  parseOffsetDelta,
  parsePackEntry,
  parsePackEntryHeader,
  parsePackHeader,
} from '../../src/git/packs/pack.ts';
import { damaged, survives } from './arbitraries.ts';
import { emptyRepository, type KnownPack, packObjects, writeSimilarBlobs } from './packFixture.ts';

/** Sizes and distances with as many bits as they may have, above 2^32 too. */
const numbers = fc
  .tuple(fc.integer({ min: 0, max: 53 }), fc.maxSafeNat())
  .map(([bits, number]) => number % 2 ** bits);

describe.each([
  ['ofs-deltas', ['--delta-base-offset'], PackType.ofsDelta],
  ['ref-deltas', [], PackType.refDelta],
])('a pack of Git with %s', (_, options, deltaType) => {
  let known: KnownPack;
  beforeAll(() => {
    const store = emptyRepository();
    known = packObjects(store, writeSimilarBlobs(store, 12, 'some'), ...options);
  });

  test('its header', () => {
    expect(parsePackHeader(known.pack)).toEqual({ version: 2, count: known.entries.length });
    expect(packHeader(known.entries.length)).toEqual(known.pack.subarray(0, PACK_HEADER_LENGTH));
  });

  test('every entry is read, deltas are applied, and their headers are written the same', () => {
    const bodies = new Map<string, Buffer>();
    let deltas = 0;
    const read = (id: string): Buffer => {
      const done = bodies.get(id);
      if (done !== undefined) return done;
      const entry = known.entries.find((candidate) => candidate.id === id)!;
      const header = parsePackEntry(known.pack, entry.offset);
      expect(header.size).toBe(entry.size);
      const headerEnd = entry.offset + header.headerLength;
      const dataStart = entry.offset + header.length;
      let body: Buffer;
      if (entry.base === undefined) {
        expect(packObjectType(header.type)).toBe(entry.type);
        expect(dataStart).toBe(headerEnd);
        body = inflateSync(known.pack.subarray(dataStart));
      } else {
        deltas++;
        expect(header.type).toBe(deltaType);
        expect(packObjectType(header.type)).toBeUndefined();
        if (deltaType === PackType.ofsDelta) {
          const { distance } = header;
          expect(offsetDelta(distance)).toEqual(known.pack.subarray(headerEnd, dataStart));
          const base = known.entries.find(({ offset }) => offset === entry.offset - distance);
          expect(base?.id).toBe(entry.base);
        } else {
          expect(known.pack.toString('hex', headerEnd, dataStart)).toBe(entry.base);
        }
        const delta = inflateSync(known.pack.subarray(dataStart));
        const base = read(entry.base);
        body = applyDelta(base, delta);
        expect(deltaSizes(delta.subarray(0, LONGEST_DELTA_SIZES))).toEqual({
          baseSize: base.length,
          resultSize: body.length,
        });
      }
      expect(packEntryHeader(header.type, header.size)).toEqual(
        known.pack.subarray(entry.offset, headerEnd),
      );
      if (isObjectType(entry.type)) expect(hashObject(entry.type, body)).toBe(id);
      bodies.set(id, body);
      return body;
    };
    for (const { id } of known.entries) read(id);
    expect(deltas).toBeGreaterThan(5);
  });

  test('the CRC in its index is that of the bytes between two entries', () => {
    const offsets = known.entries.map(({ offset }) => offset).sort((a, b) => a - b);
    for (const { offset, crc } of known.entries) {
      const end = offsets[offsets.indexOf(offset) + 1] ?? known.pack.length - 20;
      expect(crc32(known.pack.subarray(offset, end))).toBe(crc);
    }
  });
});

describe('pack headers', () => {
  test('round trip', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), (count) => {
        expect(parsePackHeader(packHeader(count))).toEqual({ version: 2, count });
      }),
    );
  });

  test('anything else is corrupt', () => {
    const version4 = packHeader(1);
    version4[7] = 4;
    for (const bytes of [version4, packHeader(1).subarray(0, 11), Buffer.from('PUCK'.repeat(3))]) {
      expect(() => parsePackHeader(bytes)).toThrow(CorruptObjectError);
    }
  });
});

describe('entry headers', () => {
  const types = fc.constantFrom(...Object.values(PackType));

  test('round trip, up to 2^53', () => {
    fc.assert(
      fc.property(types, numbers, fc.uint8Array({ maxLength: 3 }), (type, size, before) => {
        const header = packEntryHeader(type, size);
        expect(header.length).toBeLessThanOrEqual(LONGEST_ENTRY_HEADER);
        const bytes = Buffer.concat([before, header, Buffer.of(0xff)]);
        const expected = { type, size, length: header.length };
        expect(parsePackEntryHeader(bytes, before.length)).toEqual(expected);
      }),
    );
  });

  test('one that is cut off, too large, endless or of no type is corrupt', () => {
    const large = packEntryHeader(PackType.blob, Number.MAX_SAFE_INTEGER);
    for (let length = 0; length < large.length; length++) {
      expect(() => parsePackEntryHeader(large.subarray(0, length), 0)).toThrow(CorruptObjectError);
    }
    for (const hex of ['00', '50', `b0${'80'.repeat(30)}01`, `bf${'ff'.repeat(8)}01`]) {
      const bytes = Buffer.from(hex, 'hex');
      expect(() => parsePackEntryHeader(bytes, 0)).toThrow(CorruptObjectError);
    }
    expect(() => parsePackEntryHeader(large, 99)).toThrow(CorruptObjectError);
  });
});

describe('distances to a base', () => {
  test('round trip, up to 2^53', () => {
    fc.assert(
      fc.property(numbers, fc.uint8Array({ maxLength: 3 }), (number, before) => {
        const distance = number + 1;
        const coded = offsetDelta(distance);
        const bytes = Buffer.concat([before, coded, Buffer.of(0xff)]);
        expect(parseOffsetDelta(bytes, before.length)).toEqual({ distance, length: coded.length });
      }),
    );
    // Git's coding has no two forms of one number.
    expect(offsetDelta(127).toString('hex')).toBe('7f');
    expect(offsetDelta(128).toString('hex')).toBe('8000');
    expect(offsetDelta(16511).toString('hex')).toBe('ff7f');
    expect(offsetDelta(16512).toString('hex')).toBe('808000');
  });

  test.each(['', '80', 'ffff', '00', 'ff'.repeat(12)])('%j is corrupt', (hex) => {
    expect(() => parseOffsetDelta(Buffer.from(hex, 'hex'), 0)).toThrow(CorruptObjectError);
  });

  test('damage is an error or another number, nothing else', () => {
    fc.assert(
      fc.property(
        numbers.chain((n) => damaged(packEntryHeader(3, n))),
        fc.nat(12),
        (bytes, at) => {
          survives(() => expect(parseOffsetDelta(bytes, at).distance).toBeGreaterThan(0));
          survives(() => expect(parsePackEntryHeader(bytes, at).size).toBeGreaterThanOrEqual(0));
        },
      ),
    );
  });
});

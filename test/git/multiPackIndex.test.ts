import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { MultiPackIndex } from '../../src/git/packs/multiPackIndex.ts';
import { runs } from '../crash/stress.ts';
import { git } from '../helpers/git.ts';
import { damaged, survives } from './arbitraries.ts';
import {
  emptyRepository,
  type KnownPack,
  packNames,
  packObjects,
  writeSimilarBlobs,
} from './packFixture.ts';

let store = '';
let packs: readonly KnownPack[] = [];
let bytes: Buffer;

beforeAll(() => {
  store = emptyRepository();
  packs = ['one', 'two', 'three'].map((seed) =>
    packObjects(store, writeSimilarBlobs(store, 20, seed)),
  );
  git(store, 'multi-pack-index', 'write');
  bytes = readFileSync(join(store, 'objects/pack/multi-pack-index'));
});

/** A copy with a chunk's bytes changed; `at` counts from the chunk's start. */
function withChunk(name: string, change: (chunk: Buffer) => void): Buffer {
  const changed = Buffer.from(bytes);
  const row = changed.indexOf(name);
  const start = Number(changed.readBigUInt64BE(row + 4));
  const end = Number(changed.readBigUInt64BE(row + 16));
  change(changed.subarray(start, end));
  return changed;
}

/** The file with a table of 64-bit offsets that the first object uses. */
function withLargeOffset(offset: bigint, row = 0): Buffer {
  const count = bytes[6]!;
  const tableEnd = 12 + (count + 1) * 12;
  const shift = 12;
  const table = Buffer.from(bytes.subarray(12, tableEnd));
  for (let i = 0; i <= count; i++) {
    table.writeBigUInt64BE(table.readBigUInt64BE(i * 12 + 4) + BigInt(shift), i * 12 + 4);
  }
  const end = table.readBigUInt64BE(count * 12 + 4);
  const large = Buffer.alloc(12);
  large.write('LOFF');
  large.writeBigUInt64BE(end, 4);
  const last = Buffer.alloc(12);
  last.writeBigUInt64BE(end + 8n, 4);
  const offsetBytes = Buffer.alloc(8);
  offsetBytes.writeBigUInt64BE(offset);
  const body = Buffer.from(bytes.subarray(tableEnd, -20));
  const offsetsAt = Number(table.readBigUInt64BE(table.indexOf('OOFF') + 4)) - tableEnd - shift;
  body.writeUInt32BE(0x80000000 + row, offsetsAt + 4);
  const head = Buffer.from(bytes.subarray(0, 12));
  head[6] = count + 1;
  const all = [head, table.subarray(0, -12), large, last, body, offsetBytes];
  const sum = createHash('sha1').update(Buffer.concat(all)).digest();
  return Buffer.concat([...all, sum]);
}

describe('multi-pack-indexes of Git', () => {
  test('name their packs and every object', () => {
    const index = MultiPackIndex.parse(bytes);
    expect(index.packNames).toEqual(
      packNames(store)
        .filter((name) => name.endsWith('.idx'))
        .sort(),
    );
    expect(index.count).toBe(packs.reduce((sum, { entries }) => sum + entries.length, 0));
    for (const { path, entries } of packs) {
      for (const { id, offset } of entries) {
        const found = index.find(id);
        expect(found?.offset).toBe(offset);
        expect(`${path}.idx`.endsWith(index.packNames[found!.pack]!)).toBe(true);
        expect(index.findPrefix(id.slice(0, 20), 2)).toEqual([id]);
      }
    }
    const ids = packs.flatMap(({ entries }) => entries.map(({ id }) => id)).sort();
    expect(ids).toEqual(ids.map((_, row) => index.idAt(row)));
    expect(index.find('0'.repeat(40))).toBeUndefined();
    expect(() => index.idAt(index.count)).toThrow(RangeError);
    index.verifyChecksum();
  });

  test('large offsets', () => {
    const first = MultiPackIndex.parse(bytes).idAt(0);
    const index = MultiPackIndex.parse(withLargeOffset(2n ** 40n + 5n));
    index.verifyChecksum();
    expect(index.find(first)?.offset).toBe(2 ** 40 + 5);
    expect(index.find(index.idAt(1))).toEqual(MultiPackIndex.parse(bytes).find(index.idAt(1)));
    for (const broken of [withLargeOffset(2n ** 60n), withLargeOffset(1n, 1)]) {
      expect(() => MultiPackIndex.parse(broken).find(first)).toThrow(CorruptObjectError);
    }
  });

  test('without a table of large offsets, offsets have 32 bits', () => {
    const changed = withChunk('OOFF', (chunk) => chunk.writeUInt32BE(0xf0000000, 4));
    const index = MultiPackIndex.parse(changed);
    expect(index.find(index.idAt(0))?.offset).toBe(0xf0000000);
  });
});

describe('damaged multi-pack-indexes', () => {
  test.each<[string, () => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['only a header', () => bytes.subarray(0, 32)],
    ['another signature', () => Buffer.concat([Buffer.from('XIDM'), bytes.subarray(4)])],
    ['another version', () => changedByte(4, 9)],
    ['SHA-256', () => changedByte(5, 2)],
    ['too many chunks', () => changedByte(6, 255)],
    ['too few chunks', () => changedByte(6, 2)],
    ['more packs than names', () => changedByte(11, 200)],
    ['a pack elsewhere', () => withChunk('PNAM', (chunk) => chunk.write('../x/'))],
    ['a fan-out that goes down', () => withChunk('OIDF', (chunk) => chunk.fill(9, 0, 4))],
    ['a fan-out beyond its ids', () => withChunk('OIDF', (chunk) => chunk.fill(1, 1020, 1023))],
    ['a chunk beyond the end', () => changedByte(12 + 12 + 8, 0x7f)],
  ])('%s', (_, make) => {
    expect(() => MultiPackIndex.parse(make(), 'midx')).toThrow(CorruptObjectError);
  });

  function changedByte(at: number, byte: number): Buffer {
    const changed = Buffer.from(bytes);
    changed[at] = byte;
    return changed;
  }

  test('a pack that is not in the list', () => {
    const changed = withChunk('OOFF', (chunk) => chunk.writeUInt32BE(77, 0));
    const index = MultiPackIndex.parse(changed);
    expect(() => index.find(index.idAt(0))).toThrow(CorruptObjectError);
    expect(() => index.verifyChecksum()).toThrow(CorruptObjectError);
  });

  test('are an error or another index, nothing else', () => {
    fc.assert(
      fc.property(
        fc.constant(null).chain(() => damaged(bytes)),
        (broken) => {
          survives(() => {
            const index = MultiPackIndex.parse(broken);
            index.findPrefix('0', 5);
            for (let row = 0; row < index.count; row++) survives(() => index.find(index.idAt(row)));
          });
        },
      ),
      { numRuns: runs(300) },
    );
  });
});

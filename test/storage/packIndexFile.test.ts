/** Index files of which only a part is read answer as if all of it were. */
import { createHash } from 'node:crypto';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { type PackIndexEntry, serializePackIndex } from '../../src/git/packs/packIndex.ts';
import { PackIndexFile } from '../../src/storage/packs/reading/packIndexFile.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const PACK_CHECKSUM = Buffer.alloc(20, 7);
const ABSENT = `${'0'.repeat(39)}1`;

function entries(count: number, unit = 1): PackIndexEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    id: createHash('sha1').update(`${i}`).digest('hex'),
    offset: 12 + i * unit,
    crc: (i * 2_654_435_761) % 2 ** 32,
  }));
}

function written(all: readonly PackIndexEntry[]): string {
  const file = join(scratchFolder(), 'pack-1.idx');
  writeFileSync(file, serializePackIndex(all, PACK_CHECKSUM));
  return file;
}

describe.each([
  ['small', entries(100)],
  ['large', entries(20_000)],
  ['large, with offsets of 64 bits', entries(20_000, 400_000)],
])('an index that is %s', (_, all) => {
  test.each([1, 5, 300])('finds what is there, %i looked for', (wanted) => {
    const index = new PackIndexFile(written(all));
    expect(index.packChecksum).toEqual(PACK_CHECKSUM);
    for (const { id, offset, crc } of all.slice(0, wanted)) {
      expect(index.find(id)).toEqual({ offset, crc });
    }
    expect(index.find(ABSENT)).toBeUndefined();
    expect(index.find('no id')).toBeUndefined();
  });

  test('is whole when it is asked to be', () => {
    const file = written(all);
    const index = new PackIndexFile(file);
    index.find(all[3]!.id);
    expect(index.whole.checksumFits).toBe(true);
    expect(index.whole.bytes.equals(serializePackIndex(all, PACK_CHECKSUM))).toBe(true);
  });
});

test('a file that is gone or cut off is an error, never a wrong answer', () => {
  const all = entries(20_000);
  const [first, second] = [all.find(({ id }) => id < '10')!, all.find(({ id }) => id > 'f0')!];
  const path = written(all);
  const cut = new PackIndexFile(path);
  cut.find(first.id);
  truncateSync(path, 300_000);
  expect(cut.find(first.id)).toEqual({ offset: first.offset, crc: first.crc });
  expect(() => cut.find(second.id)).toThrow(CorruptObjectError);
  expect(() => new PackIndexFile(path).open()).toThrow(CorruptObjectError);

  const other = written(all);
  rmSync(other);
  expect(() => new PackIndexFile(other).open()).toThrow(/ENOENT/);
});

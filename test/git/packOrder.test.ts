import { describe, expect, it } from 'vitest';
import { PackIndex, serializePackIndex } from '../../src/git/packs/packIndex.ts';
import { PackOrder } from '../../src/git/packs/packOrder.ts';

const LARGE = 2 ** 33;

describe('the order of a pack', () => {
  const offsets = [5000, 12, LARGE + 7, 300, 13, LARGE];
  const ids = offsets.map((_, i) => String(9 - i).repeat(40));
  const entries = offsets.map((offset, i) => ({ id: ids[i]!, offset, crc: i }));
  const index = PackIndex.parse(serializePackIndex(entries, Buffer.alloc(20)));
  const order = new PackOrder(index, LARGE + 100);

  it('says where each entry ends', () => {
    expect(offsets.map((offset) => order.endOf(offset))).toEqual([
      LARGE,
      13,
      LARGE + 100,
      5000,
      300,
      LARGE + 7,
    ]);
  });

  it('finds the row of each entry, and none elsewhere', () => {
    const found = offsets.map((offset) => index.idAt(order.rowOf(offset)));
    expect(found).toEqual(ids);
    expect([0, 11, 14, 5001, LARGE + 8, LARGE + 100].map((at) => order.rowOf(at))).toEqual(
      Array(6).fill(-1),
    );
  });
});

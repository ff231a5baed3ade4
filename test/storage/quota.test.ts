import { expect, test } from 'vitest';
import { Quota } from '../../src/storage/packs/quota.ts';

test('lets in as many and as much as it may, in order, and what is too large alone', async () => {
  const quota = new Quota(3, 100);
  const begun: number[] = [];
  const enter = (bytes: number): void => {
    const turn = quota.enter(bytes);
    if (turn === undefined) begun.push(bytes);
    else turn.then(() => begun.push(bytes));
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  for (const bytes of [40, 41, 42, 1, 2, 500, 3]) enter(bytes);
  await settle();
  expect(begun).toEqual([40, 41]);
  quota.leave(40);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1]);
  quota.leave(41);
  quota.leave(42);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1, 2]);
  quota.leave(1);
  quota.leave(2);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1, 2, 500]);
  quota.leave(500);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1, 2, 500, 3]);
});

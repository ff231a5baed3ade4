import { expect, test } from 'vitest';
import { Semaphore } from '../src/semaphore.ts';

test('lets in as many and as much as it may, in order, and what is too large alone', async () => {
  const semaphore = new Semaphore(3, 100);
  const begun: number[] = [];
  const enter = (bytes: number): void => {
    const turn = semaphore.enter(bytes);
    if (turn === undefined) begun.push(bytes);
    else turn.then(() => begun.push(bytes));
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  for (const bytes of [40, 41, 42, 1, 2, 500, 3]) enter(bytes);
  await settle();
  expect(begun).toEqual([40, 41]);
  semaphore.leave(40);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1]);
  semaphore.leave(41);
  semaphore.leave(42);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1, 2]);
  semaphore.leave(1);
  semaphore.leave(2);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1, 2, 500]);
  semaphore.leave(500);
  await settle();
  expect(begun).toEqual([40, 41, 42, 1, 2, 500, 3]);
});

test('a task that stops waiting makes room for those behind it', async () => {
  const semaphore = new Semaphore(2, 10);
  expect(semaphore.enter(6)).toBeUndefined();
  const control = new AbortController();
  const large = semaphore.enter(8, control.signal);
  expect(semaphore.tryEnter(1)).toBe(false);
  const small = semaphore.enter(3);
  control.abort(new Error('enough'));
  await expect(large).rejects.toThrow('enough');
  await small;
  expect(semaphore.tryEnter()).toBe(false);
  semaphore.leave(3);
  expect(semaphore.tryEnter(4)).toBe(true);
  await expect(semaphore.enter(0, control.signal)).rejects.toThrow('enough');
});

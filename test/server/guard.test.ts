import { expect, test } from 'vitest';
import { guarded } from '../../src/server/pages/contents/guard.ts';

/** As a machine that has other work for so many milliseconds. */
function pause(time: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
}

test('work that has to wait for a processor is not broken off', () => {
  const work = () => {
    pause(700);
    return 'done';
  };
  expect(guarded('busy machine', work)).toBe('done');
});

test('work without an end is, once', () => {
  let runs = 0;
  const work = () => {
    runs++;
    for (;;);
  };
  expect(guarded('endless', work)).toBeUndefined();
  const first = runs;
  expect(guarded('endless', work)).toBeUndefined();
  expect(runs).toBe(first);
});

test('work that fails is not tried again', () => {
  let runs = 0;
  const work = () => {
    runs++;
    throw new Error('no');
  };
  for (let i = 0; i < 3; i++) expect(guarded('failing', work)).toBeUndefined();
  expect(runs).toBe(1);
});

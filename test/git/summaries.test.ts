/** The chunk of summaries: what goes in comes out, and damage is noticed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Summaries, SummaryWriter } from '../../src/git/commitGraph/summaries.ts';
import { runs, seed } from '../crash/stress.ts';
import { damaged } from './arbitraries.ts';

const texts = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', 'Ada', 'ada@example.org', 'a\0b', '\udc80', 'ü', 'x'.repeat(1001)),
);
const summaries = fc.record({
  authorName: texts,
  authorEmail: texts,
  time: fc.oneof(fc.nat(), fc.constantFrom(0, -1, 0.5, 2 ** 32 - 1, 2 ** 32, 8.64e12)),
  offset: fc.oneof(fc.integer({ min: -1440, max: 1440 }), fc.constantFrom(-0, 32767, 32768)),
  subject: texts,
});

it('gives each summary back as it was, or none', () => {
  let kept = 0;
  const property = fc.property(fc.array(summaries, { maxLength: 20 }), (list) => {
    const writer = new SummaryWriter(list.length);
    for (const [row, summary] of [...list.entries()].reverse()) writer.set(row, summary);
    const read = Summaries.parse(writer.finish()!, list.length)!;
    for (const [row, summary] of list.entries()) {
      const found = read.at(row);
      if (found === undefined) continue;
      kept += 1;
      expect(found).toEqual(summary);
    }
  });
  fc.assert(property, { numRuns: runs(2000), seed });
  expect(kept).toBeGreaterThan(0);
});

it('keeps every ordinary commit', () => {
  const ordinary = { authorName: 'Ada', authorEmail: 'a@b', time: 1, offset: -330, subject: 'Ü' };
  const writer = new SummaryWriter(2);
  writer.set(1, ordinary);
  writer.set(0, { ...ordinary, subject: '', time: 2 ** 31 });
  const read = Summaries.parse(writer.finish()!, 2)!;
  expect(read.at(1)).toEqual(ordinary);
  expect(read.at(0)).toEqual({ ...ordinary, subject: '', time: 2 ** 31 });
});

it('does not believe a damaged chunk', () => {
  const writer = new SummaryWriter(30);
  for (let row = 0; row < 30; row++) {
    const authorName = `Name ${row % 7}`;
    writer.set(row, { authorName, authorEmail: 'a@b', time: row, offset: 60, subject: `${row}` });
  }
  const chunk = writer.finish()!;
  const property = fc.property(damaged(chunk), (bytes) => {
    if (!bytes.equals(chunk)) expect(Summaries.parse(bytes, 30)).toBeUndefined();
  });
  fc.assert(property, { numRuns: runs(2000), seed });
});

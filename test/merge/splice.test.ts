/** Edits that are far apart are merged without a diff: to the same bytes as with one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spliceEdits } from '../../src/merge/splice.ts';
import { mergeLines } from '../../src/merge/text.ts';
import { runs } from '../crash/stress.ts';

const options = { labels: { ours: 'ours', theirs: 'theirs' } };

/** Few kinds of lines, some of them parts of others, so that changes slide and texts repeat themselves. */
const common = fc.constantFrom('a\n', 'b\n', '\n', 'ab\n', '}\r\n', '\xff\n');
const rare = fc.integer({ min: 0, max: 40 }).map((n) => `${n}\n`);
const lines = (least: number, most: number) =>
  fc.array(fc.oneof(common, rare), { minLength: least, maxLength: most });
const lastLine = fc.constantFrom('', '', 'a', 'end');

interface Edit {
  readonly at: number;
  readonly gone: number;
  readonly come: readonly string[];
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(30),
  gone: fc.nat(3),
  come: lines(0, 3),
});

function edited(base: readonly string[], edits: readonly Edit[]): Buffer {
  const text = [...base];
  for (const { at, gone, come } of edits) text.splice(Math.min(at, text.length), gone, ...come);
  return Buffer.from(text.join(''), 'latin1');
}

const COUNT = runs(100_000);

test('edits that are spliced are what a merge by lines makes of them', {
  timeout: 60_000 + COUNT,
}, () => {
  let spliced = 0;
  fc.assert(
    fc.property(
      fc.tuple(lines(0, 30), lastLine).map(([text, last]) => [...text, last]),
      fc.array(edit, { minLength: 1, maxLength: 2 }),
      fc.array(edit, { minLength: 1, maxLength: 2 }),
      (base, my, their) => {
        const texts = [edited(base, []), edited(base, my), edited(base, their)] as const;
        const quick = spliceEdits(...texts);
        if (quick === undefined) return;
        spliced++;
        const { body, conflicts } = mergeLines(...texts, options);
        expect([quick.toString('latin1'), 0]).toEqual([body.toString('latin1'), conflicts]);
      },
    ),
    { numRuns: COUNT },
  );
  expect(spliced).toBeGreaterThan(COUNT / 100);
});

test('edits in long texts of equal lines are left to the diff', () => {
  const many = '}\n'.repeat(100);
  const text = (...parts: string[]) => Buffer.from(parts.join(''));
  const merge = (middle: string) =>
    spliceEdits(
      text('one\n', middle, 'two\n', middle, 'end\n'),
      text('ONE\n', middle, 'two\n', middle, 'end\n'),
      text('one\n', middle, 'TWO\n', middle, 'end\n'),
    );
  expect(merge(many)).toBeUndefined();
  expect(merge('x\n}\n')?.toString()).toBe('ONE\nx\n}\nTWO\nx\n}\nend\n');
});

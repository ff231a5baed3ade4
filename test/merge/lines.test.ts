/** Lines that two texts share at their ends are taken over; the numbers are the same as without that. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineTable } from '../../src/merge/text.ts';
import { runs } from '../crash/stress.ts';

const line = fc.constantFrom('a\n', 'b\n', '\n', 'ab\n', 'a', '\xff\n', '\r\n', 'a\0b\n');
const text = fc
  .array(line, { maxLength: 12 })
  .map((lines) => Buffer.from(lines.join(''), 'latin1'));

test('a text like another has the lines that it has alone', () => {
  fc.assert(
    fc.property(text, text, text, (start, middle, end) => {
      const like = Buffer.concat([start, end]);
      for (const body of [Buffer.concat([start, middle, end]), middle, like, start]) {
        const table = new LineTable();
        const other = table.lines(like);
        const fast = table.lines(body, other);
        const plain = table.lines(body);
        expect(fast.text).toEqual(plain.text);
        expect(fast.ids).toEqual(plain.ids);
      }
    }),
    { numRuns: runs(2000) },
  );
});

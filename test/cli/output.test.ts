import { describe, expect, it } from 'vitest';
import { errorLine, UsageError } from '../../src/cli/errors.ts';
import { quoteName } from '../../src/cli/output/output.ts';
import { rateText, sizeText, timeText } from '../../src/cli/output/quantities.ts';

describe('quoteName', () => {
  it.each([
    ['a\nb', '"a\\nb"'],
    ['\t\r\b\f\v\x07', '"\\t\\r\\b\\f\\v\\a"'],
    ['\x1b[31m', '"\\033[31m"'],
    ['\x7f', '"\\177"'],
    ['\u0085', '"\\302\\205"'],
    ['caf\udce9 "x" \\', '"caf\\351 \\"x\\" \\\\"'],
    ['é😀\n', '"é😀\\n"'],
  ])('quotes %j as Git does', (name, expected) => {
    expect(quoteName(name)).toBe(expected);
  });
});

describe('errorLine', () => {
  it('is always one line without control characters', () => {
    expect(errorLine(new Error('first\n  second\r\n third'))).toBe('Error: first second third');
    expect(errorLine(new Error('No such file: \x1b[2J\x07'))).toBe(
      'Error: No such file: \\x1b[2J\\x07',
    );
    expect(errorLine(new UsageError(''))).toBe('Error: UsageError');
    expect(errorLine('text')).toBe('Error: text');
  });
});

describe('quantities', () => {
  it('reads well', () => {
    expect([0, 999, 1000, 1549, 99_949, 99_950, 117e6, 999.6e6, 4 * 2 ** 30].map(sizeText)).toEqual(
      ['0 B', '999 B', '1.0 kB', '1.5 kB', '99.9 kB', '100 kB', '117 MB', '1.0 GB', '4.3 GB'],
    );
    expect(rateText(2.5e6)).toBe('2.5 MB/s');
    expect([0.4, 59.4, 59.6, 130, 3900, -1].map(timeText)).toEqual([
      '0 s',
      '59 s',
      '1 min 0 s',
      '2 min 10 s',
      '1 h 5 min',
      '0 s',
    ]);
  });
});

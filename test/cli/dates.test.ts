import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoTime, parseBefore } from '../../src/cli/output/dates.ts';

describe('parseBefore', () => {
  it.each([
    ['2024-05-31', '2024-05-31T23:59:59.999Z'],
    ['2024-02-29', '2024-02-29T23:59:59.999Z'],
    ['0001-01-01', '0001-01-01T23:59:59.999Z'],
    ['2024-05-31T14', '2024-05-31T14:00:00.000Z'],
    ['2024-05-31T14:30', '2024-05-31T14:30:00.000Z'],
    ['2024-05-31 14:30:15', '2024-05-31T14:30:15.000Z'],
    ['2024-05-31t14:30:15z', '2024-05-31T14:30:15.000Z'],
    ['2024-05-31T14:30:15.25Z', '2024-05-31T14:30:15.250Z'],
    ['2024-05-31T14:30:15,1239Z', '2024-05-31T14:30:15.123Z'],
    ['2024-05-31T14:30+02:00', '2024-05-31T12:30:00.000Z'],
    ['2024-05-31T23:30-0430', '2024-06-01T04:00:00.000Z'],
    ['2024-05-31T00:30+05', '2024-05-30T19:30:00.000Z'],
  ])('reads %s', (text, expected) => {
    expect(parseBefore(text)?.toISOString()).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    '2024',
    '2024-05',
    '2024-5-31',
    '2024-02-30',
    '2023-02-29',
    '2024-13-01',
    '2024-00-10',
    '2024-05-31T24:00',
    '2024-05-31T14:60',
    '2024-05-31T14:30:60',
    '2024-05-31T14:30+25:00',
    '2024-05-31T14:30 CET',
    '2024-05-31Z',
    ' 2024-05-31',
    '2024-05-31\n',
  ])('refuses %j', (text) => {
    expect(parseBefore(text)).toBeUndefined();
  });

  it('reads what isoTime writes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -60_000_000_000, max: 250_000_000_000 }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (seconds, offset) => {
          const time = new Date(seconds * 1000);
          expect(parseBefore(isoTime(time, offset))).toEqual(time);
        },
      ),
    );
  });
});

describe('isoTime', () => {
  it.each([
    [0, 0, '1970-01-01T00:00:00+00:00'],
    [1_700_000_000, 60, '2023-11-14T23:13:20+01:00'],
    [1_700_000_000, -210, '2023-11-14T18:43:20-03:30'],
    [-1, 0, '1969-12-31T23:59:59+00:00'],
    [1e15, 0, 'no-valid-time'],
  ])('writes %d at %d minutes as %s', (seconds, offset, expected) => {
    expect(isoTime(new Date(seconds * 1000), offset)).toBe(expected);
  });

  it('writes every day as a Date does, also beside others of its month', () => {
    const days = fc.oneof(
      fc.integer({ min: -800_000, max: 3_000_000 }),
      fc.integer({ min: -100, max: 100 }),
      fc.integer({ min: 99_999_900, max: 100_000_000 }),
    );
    fc.assert(
      fc.property(fc.array(days, { maxLength: 40 }), (list) => {
        for (const day of list.flatMap((one) => [one, one - 1, one + 1])) {
          const time = new Date(day * 86_400_000);
          const isDate = !Number.isNaN(time.getTime());
          const expected = isDate ? time.toISOString().replace('.000Z', '+00:00') : 'no-valid-time';
          expect(isoTime(time, 0)).toBe(expected);
        }
      }),
    );
  });
});

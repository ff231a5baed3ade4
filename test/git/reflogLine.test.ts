import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ZERO_ID } from '../../src/git/objectId.ts';
import {
  formatReflogLine,
  parseReflogLine,
  type ReflogLine,
} from '../../src/git/refs/reflogLine.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { damaged, objectIds, survives } from './arbitraries.ts';
import { emptyRepository } from './packFixture.ts';

const ID = '1'.repeat(40);
const WHO = { name: 'Zoë', email: 'z@x', time: 1_700_000_000, offset: -570 };

describe('reflog lines', () => {
  test('what Git writes is read, and written the same', () => {
    const store = emptyRepository();
    const tree = gitBytes(store, ['hash-object', '-w', '-t', 'tree', '--stdin']).toString().trim();
    const ids = ['a', 'b'].map((text) =>
      gitBytes(store, ['commit-tree', tree], Buffer.from(text)).toString().trim(),
    );
    git(store, 'config', 'core.logAllRefUpdates', 'always');
    git(store, 'update-ref', '-m', 'first:  two\twords \n', 'refs/heads/x', ids[0]!);
    git(store, 'update-ref', '-m', 'größer', 'refs/heads/x', ids[1]!);
    git(store, 'update-ref', 'refs/heads/x', ids[0]!);
    const file = readFileSync(join(store, 'logs/refs/heads/x'));
    const lines = file.toString().split(/(?<=\n)/);
    expect(lines.length).toBe(3);
    const parsed = lines.map((line) => parseReflogLine(Buffer.from(line))!);
    expect(parsed.map(({ message }) => message)).toEqual(['first: two words', 'größer', '']);
    expect(parsed.map((line) => line.old)).toEqual([null, ids[0], ids[1]]);
    expect(parsed.map((line) => line.new)).toEqual([ids[0], ids[1], ids[0]]);
    expect(parsed.map(formatReflogLine).join('')).toBe(file.toString());
  });

  test('round trip', () => {
    const lines: fc.Arbitrary<ReflogLine> = fc.record({
      old: fc.option(objectIds.filter((id) => id !== ZERO_ID)),
      new: fc.option(objectIds.filter((id) => id !== ZERO_ID)),
      // Git takes no tab out of a name.
      who: fc.constantFrom(WHO, { ...WHO, name: 'Zoë\tL', email: 'z\t@x' }),
      message: fc.string({ unit: 'binary' }).map((text) => text.replace(/\s+/g, ' ').trim()),
    });
    fc.assert(
      fc.property(lines, (line) => {
        const text = formatReflogLine(line);
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(parseReflogLine(text)).toEqual(line);
        expect(parseReflogLine(text.trimEnd())).toEqual(line);
      }),
    );
  });

  test('a message of any length makes a line that can be read', () => {
    const line = { old: null, new: ID, who: WHO, message: `x${'😀'.repeat(1 << 20)}` };
    const text = formatReflogLine(line);
    expect(text.length).toBeLessThan(5000);
    expect(parseReflogLine(text)).toEqual({ ...line, message: `x${'😀'.repeat(2047)}` });
  });

  test('a message without its tab is read, as by Git', () => {
    const line = { old: null, new: ID, who: WHO, message: '' };
    const text = formatReflogLine(line).trimEnd();
    expect(parseReflogLine(`${text} made`)).toEqual({ ...line, message: ' made' });
  });

  test('white space in a message becomes single spaces', () => {
    const text = formatReflogLine({ old: null, new: ID, who: WHO, message: ' a\n\tb \r\n c ' });
    expect(text).toBe(`${ZERO_ID} ${ID} Zoë <z@x> 1700000000 -0930\ta b c\n`);
    expect(formatReflogLine({ old: ID, new: null, who: WHO, message: ' ' })).toBe(
      `${ID} ${ZERO_ID} Zoë <z@x> 1700000000 -0930\n`,
    );
  });

  test.each([
    '',
    '\n',
    'nonsense',
    `${ID} ${ID}`,
    `${ID} ${ID} no mail 12 +0000\tm`,
    `${ID} ${ID} A <a> yesterday\tm`,
    `${ID}  ${ID} A <a> 12 +0000`,
    `${ID.slice(1)} ${ID} A <a> 12 +0000`,
    `${ID}\t${ID} A <a> 12 +0000`,
    `${ID} ${ID}\tA <a> 12 +0000`,
  ])('%j is no line', (line) => {
    expect(parseReflogLine(line)).toBeUndefined();
  });

  test('damage never throws', () => {
    const text = formatReflogLine({ old: null, new: ID, who: WHO, message: 'message' });
    fc.assert(
      fc.property(damaged(Buffer.from(text)), (line) => survives(() => parseReflogLine(line))),
    );
  });
});

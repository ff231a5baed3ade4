import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError, GitStoreError } from '../../src/errors.ts';
import { parseConfig, setConfigValue } from '../../src/git/repository/config.ts';
import { runs } from '../crash/stress.ts';
import { gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { damaged, survives } from './arbitraries.ts';

let file = '';
beforeAll(() => {
  file = join(scratchFolder(), 'config');
});

/** All settings as Git reads them, values that stand alone as empty; undefined: Git refuses. */
function gitReads(text: string): Map<string, string[]> | undefined {
  writeFileSync(file, text);
  const result = spawnSync('git', ['config', '-f', file, '-l', '-z'], { env: gitEnvironment });
  if (result.status !== 0) return undefined;
  const settings = new Map<string, string[]>();
  for (const item of result.stdout.toString().split('\0').slice(0, -1)) {
    const lineEnd = item.indexOf('\n');
    const key = lineEnd === -1 ? item : item.slice(0, lineEnd);
    const value = lineEnd === -1 ? '' : item.slice(lineEnd + 1);
    settings.set(key, [...(settings.get(key) ?? []), value]);
  }
  return settings;
}

/** Our reading compared with Git's. */
function expectAgreement(text: string): void {
  const expected = gitReads(text);
  if (expected === undefined) {
    expect(() => parseConfig(text)).toThrow(CorruptObjectError);
    return;
  }
  const config = parseConfig(text);
  for (const [key, values] of expected) expect(config.getAll(key)).toEqual(values);
}

const headers = fc.constantFrom(
  '[core]',
  '[CORE]',
  '[core "Sub"]',
  '[core "a\\"b\\\\c.d"]',
  '[core.Old]',
  '[gc] ',
  '[gc]x=1',
  '[remote\t"é ü"]',
);
const fragments = fc.constantFrom(
  ...['a', 'b c', ' ', '"', '\\"', '\\\\', '\\n', '\\t', '#', ';', '=', '\\\n', 'é', '1k', '"x y"'],
  ...['" "', 'true', '[', ']', '\\b', '  '],
);
const values = fc.array(fragments, { maxLength: 5 }).map((parts) => parts.join(''));
const settings = fc
  .tuple(
    fc.constantFrom('bare', 'Bare', 'name', 'x-y1'),
    fc.constantFrom('=', ' = ', '\t=  '),
    values,
  )
  .map(([name, equals, value]) => `\t${name}${equals}${value}`);
const lines = fc.oneof(
  { weight: 3, arbitrary: settings },
  { weight: 2, arbitrary: headers },
  fc.constantFrom('alone', '  Bare  ', '# comment', '; [no]', '', '   '),
);
const texts = fc
  .tuple(headers, fc.array(lines, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'))
  .map(([first, rest, lineEnd]) => `${[first, ...rest].join(lineEnd)}${lineEnd}`);

describe('parseConfig', () => {
  test('reads what Git reads, and refuses what Git refuses', () => {
    fc.assert(fc.property(texts, expectAgreement), { numRuns: runs(150) });
  });

  test.each([
    '',
    '\ufeff[core]\n\tbare = true\n',
    '[core]\n\tbare',
    '[core]bare=true',
    '[core] ; comment\n\ta = b ; comment\n\tc = "d ; e" # f\n',
    '[a "b"]\nc = d\n[a]\nc = e\n[A "B"]\nC = f\n',
    '[core]\nx = "open\n',
    '[core]\nx = \\z\n',
    '[core\nx = 1\n',
    '[core "x]\nx = 1\n',
    '[co_re]\nx = 1\n',
    'x = 1\n',
    '[core]\n1x = 1\n',
    '[core]\nx y = 1\n',
    '[core]\nx # comment\n',
    '[core]\nx =\n',
    '[core]\nx = a \\',
    '[core]\n= 1\n',
    '[core ]\nx = 1\n',
    '[]\nx = 1\n',
  ])('%j as Git does', (text) => {
    expectAgreement(text);
  });

  test('keys in any case, subsections as they are', () => {
    const config = parseConfig('[Core]\n\tBare = true\n[Remote "Origin"]\n\tURL = x\n\turl = y\n');
    expect(config.get('core.bare')).toBe('true');
    expect(config.get('CORE.BARE')).toBe('true');
    expect(config.get('remote.Origin.Url')).toBe('y');
    expect(config.getAll('remote.Origin.url')).toEqual(['x', 'y']);
    expect(config.get('remote.origin.url')).toBeUndefined();
    expect(config.getAll('no.such')).toEqual([]);
    expect(config.get('nonsense')).toBeUndefined();
  });

  test.each([
    ['x', true],
    ['x = ', false],
    ['x = yes', true],
    ['x = ON', true],
    ['x = off', false],
    ['x = no', false],
    ['x = 0', false],
    ['x = 2', true],
    ['x = 0k', false],
  ])('boolean %j', (line, value) => {
    const text = `[a]\n${line}\n`;
    writeFileSync(file, text);
    const args = ['config', '-f', file, '--type=bool', 'a.x'];
    const shown = spawnSync('git', args, { env: gitEnvironment }).stdout.toString().trim();
    expect(shown).toBe(String(value));
    expect(parseConfig(text).getBool('a.x')).toBe(value);
  });

  test.each([
    ['6', 6],
    ['-1', -1],
    ['4k', 4096],
    ['2M', 2 ** 21],
    ['3g', 3 * 2 ** 30],
  ])('number %j', (text, value) => {
    expect(parseConfig(`[a]\nx = ${text}\n`).getInt('a.x')).toBe(value);
  });

  test('a value of another kind is an error that names the key', () => {
    const config = parseConfig('[a]\nx = maybe\ny = 1t\nz = 99999999999g\n');
    expect(() => config.getBool('a.x')).toThrow(/a\.x/);
    for (const key of ['a.x', 'a.y', 'a.z']) {
      expect(() => config.getInt(key)).toThrow(GitStoreError);
    }
    expect(config.getBool('a.none')).toBeUndefined();
    expect(config.getInt('a.none')).toBeUndefined();
  });

  test('damage is an error or another configuration, nothing else', () => {
    fc.assert(
      fc.property(
        texts.chain((text) => damaged(Buffer.from(text))),
        (bytes) => survives(() => parseConfig(bytes.toString())),
      ),
      { numRuns: runs(300) },
    );
  });
});

describe('setConfigValue', () => {
  const keys = fc.constantFrom(
    'core.bare',
    'core.new',
    'core.Sub.name',
    'gc.x',
    'new.a"b.c',
    'x.y',
  );
  const plainValues = fc.oneof(
    fc.constantFrom('true', '', ' a ', 'a#b;c', '"', '\\', 'a\nb', '\t', 'x\r', 'é'),
    fc.string({ unit: 'grapheme' }),
  );

  test('Git reads the new value, and all others as before', () => {
    const readable = texts.filter((text) => gitReads(text) !== undefined);
    fc.assert(
      fc.property(readable, keys, plainValues, (text, key, value) => {
        const before = gitReads(text)!;
        const after = gitReads(setConfigValue(text, key, value))!;
        const own = after.get(key)!;
        expect(own.at(-1)).toBe(value);
        const kept = before.get(key)?.slice(0, -1) ?? [];
        expect(own.slice(0, -1)).toEqual(kept);
        before.delete(key);
        after.delete(key);
        expect(after).toEqual(before);
      }),
      { numRuns: runs(50) },
    );
  });

  test('keeps comments, indentation and what it does not name', () => {
    const text = '# mine\n[core]\n    bare = true ; yes\n\tx = 1\n# end\n[user]\n\tname = A\n';
    expect(setConfigValue(text, 'core.bare', 'false')).toBe(text.replace('true', 'false'));
    expect(setConfigValue(text, 'core.compression', '6')).toBe(
      text.replace('x = 1\n', 'x = 1\n\tcompression = 6\n'),
    );
    expect(setConfigValue(text, 'gc.reflogExpire', 'never')).toBe(
      `${text}[gc]\n\treflogExpire = never\n`,
    );
    expect(setConfigValue('', 'a.B.c', 'd')).toBe('[a "B"]\n\tc = d\n');
    expect(setConfigValue('[a]', 'a.b', 'c')).toBe('[a]\n\tb = c');
    expect(setConfigValue('[a][b]\nx = 1\n', 'a.y', '2')).toBe('[a]\n\ty = 2\n[b]\nx = 1\n');
  });

  test.each([
    ['core', '1'],
    ['core.', '1'],
    ['.x', '1'],
    ['core.a b', '1'],
    ['co_re.x', '1'],
    ['core.a\nb.x', '1'],
    ['core.x', 'a\0b'],
  ])('key %j with value %j is refused', (key, value) => {
    expect(() => setConfigValue('', key, value)).toThrow(GitStoreError);
  });
});

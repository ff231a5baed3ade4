import { beforeAll, expect, test } from 'vitest';
import { Place } from './program.ts';

let place: Place;

beforeAll(async () => {
  place = new Place();
  await place.okWith({ input: 'one\ntwo\n' }, 'write', 'docs/a.txt');
  await place.okWith({ input: 'one\n2\n' }, 'write', 'docs/a.txt');
  await place.okWith({ input: 'x' }, 'write', 'gone.md');
  await place.ok('rm', 'gone.md');
});

test('grep, find and blame', async () => {
  expect(await place.ok('grep', 'o.e')).toBe('docs/a.txt:1:one\n');
  expect(await place.ok('grep', '-l', '-F', 'one', ':docs')).toBe('docs/a.txt\n');
  expect(await place.ok('grep', '--all', 't')).toMatch(/^[0-9a-f]{7}:docs\/a\.txt:2:two\n$/);
  expect(JSON.parse(await place.ok('grep', '2', '--format', 'json'))).toMatchObject([
    { path: 'docs/a.txt', lines: [{ number: 2, text: '2' }] },
  ]);
  expect(await place.ok('find', '*.txt')).toBe('docs/a.txt\n');
  expect(await place.ok('find', '--all', '*.md')).toMatch(/^[0-9a-f]{7} {2}gone\.md\n$/);
  expect(await place.ok('blame', 'docs/a.txt')).toMatch(
    /^[0-9a-f]{7} \(.+ \S+ 1\) one\n[0-9a-f]{7} \(.+ \S+ 2\) 2\n$/,
  );
});

test('nothing that fits is exit code 1 and silence, a mistake is told', async () => {
  for (const args of [
    ['grep', 'nothing'],
    ['find', '*.nope'],
  ]) {
    const { code, stdout, stderr } = await place.run(...args);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: '' });
  }
  expect(await place.fails(1, 'grep', '(')).toMatch(/^Not a regular expression: \(; -F/);
  expect(await place.fails(1, 'blame', 'nope')).toMatch(
    /^nope: no such file or directory in the repository/,
  );
  expect(await place.fails(2, 'grep', '')).toMatch(/empty pattern/);
});

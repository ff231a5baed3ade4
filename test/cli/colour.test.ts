/** Colour: on a terminal, unless NO_COLOR; on demand everywhere. */
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { git } from '../helpers/git.ts';
import { hasTerminals, TerminalSession } from '../helpers/pty.ts';
import { Place, programPath } from './program.ts';

const place = new Place();
let hash: string;

beforeAll(async () => {
  writeFileSync(join(place.folder, 'run'), '#!/bin/sh\n\tone and one\n');
  chmodSync(join(place.folder, 'run'), 0o755);
  symlinkSync('run', join(place.folder, 'link'));
  writeFileSync(join(place.folder, 'a.txt'), 'plain\n');
  const files = ['run', 'link', 'a.txt'].map((name) => join(place.folder, name));
  await place.ok('cp', ...files, ':');
  await place.ok('cp', files[2]!, ':docs/');
  hash = git(place.repo, 'rev-parse', '--short=7', 'main');
});

const yellow = (text: string) => `\x1b[33m${text}\x1b[39m`;
const blue = (text: string) => `\x1b[34m${text}\x1b[39m`;
const green = (text: string) => `\x1b[32m${text}\x1b[39m`;
const red = (text: string) => `\x1b[31m${text}\x1b[39m`;
const cyan = (text: string) => `\x1b[36m${text}\x1b[39m`;

test('--color always', async () => {
  const ok = (...args: string[]) => place.ok(...args, '--color', 'always');
  expect(await ok('ls')).toBe(`a.txt\n${blue('docs')}\n${cyan('link')}\n${green('run')}\n`);
  expect(await ok('ls', '-l', 'link')).toMatch(`${cyan('link')} -> run\n`);
  expect(await ok('find', '--all', 'a.txt')).toContain(`${yellow(hash)}  docs/a.txt\n`);
  expect(await ok('blame', 'docs/a.txt')).toContain(`${yellow(hash)} (`);
  expect(await ok('grep', 'ONE', '-i', ':run')).toBe(
    `${cyan('run')}:${green('2')}:\t${red('one')} and ${red('one')}\n`,
  );
});

describe.skipIf(!hasTerminals)('on a terminal (needs python3)', () => {
  const shown = async (env: NodeJS.ProcessEnv, ...args: string[]) => {
    const command = [process.execPath, programPath(), '-r', place.repo, ...args];
    return (await new TerminalSession(80, command, env).end()).screen;
  };

  it('there is colour, and with NO_COLOR none', async () => {
    expect((await shown({}, 'ls')).output).toContain(blue('docs'));
    const plain = await shown({ NO_COLOR: '1' }, 'ls');
    expect(plain.output).not.toContain('\x1b');
    expect(plain.lines).toEqual(['a.txt', 'docs', 'link', 'run', '']);
    expect((await shown({ NO_COLOR: '1' }, 'ls', '--color', 'always')).output).toContain('\x1b');
  });

  it('a line keeps its tabs, and shows what would drive the terminal', async () => {
    await place.okWith({ input: '\ta "b" \\ \x1b[31m\n' }, 'write', 'odd');
    const { output } = await shown({ NO_COLOR: '1' }, 'grep', 'a', ':odd');
    expect(output).toContain('odd:1:\ta "b" \\ \\033[31m');
  });
});

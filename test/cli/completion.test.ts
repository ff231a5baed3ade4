/** Completion: what the program answers, and what real shells make of it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Command } from 'commander';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { kindOfValue } from '../../src/cli/completion/kinds.ts';
import { bashCompletion, wordsOfLine } from '../../src/cli/completion/shellWords.ts';
import { hasTerminals, TerminalSession } from '../helpers/pty.ts';
import { allCommands } from './allCommands.ts';
import { Place, programPath } from './program.ts';

const BREAKS = ' "\'><=;|&(:';
const place = new Place();

beforeAll(async () => {
  const tree = join(place.folder, 'tree');
  mkdirSync(join(tree, 'src'), { recursive: true });
  mkdirSync(join(tree, 'a dir'));
  writeFileSync(join(tree, 'src', 'main.ts'), 'the main file\n');
  writeFileSync(join(tree, 'src', 'more.ts'), '');
  writeFileSync(join(tree, 'a dir', "it's $1.txt"), 'the odd file\n');
  await place.ok('cp', `${tree}/`, ':');
  await place.ok('branch', 'set', 'dev');
  await place.ok('tag', 'set', 'v1.0');
});

/** The answers, without notes, for the words behind `gitstore`. */
async function answers(...words: string[]): Promise<string[]> {
  const [local, ...lines] = (await place.ok('__complete', 'zsh', 'gitstore', ...words)).split('\n');
  const values = lines.slice(0, -1).map((line) => line.split('\t')[0]!);
  return values.length === 0 ? [`(${local})`] : values;
}

test('commands, options, their values', async () => {
  expect(await answers('ver')).toEqual(['verify']);
  expect(await answers('branch', 'de')).toEqual(['delete', 'deleted']);
  expect(await answers('help', 'unt')).toEqual(['untar']);
  expect(await answers('-v', 'ls', '--for')).toEqual(['--format']);
  expect(await answers('ls', '--format', 'j')).toEqual(['json', 'jsonl']);
  expect(await answers('ls', '--format=j')).toEqual(['--format=json', '--format=jsonl']);
  expect(await answers('completion', 'z')).toEqual(['zsh']);
  expect(await answers('nonsense', '')).toEqual(['(none)']);
  const line = await place.ok('__complete', 'fish', 'gitstore', 'verif');
  expect(line).toBe('none\nverify\tcheck every object, ref and pack\n');
});

test('branches, tags, and paths behind a colon', async () => {
  expect(await answers('log', '')).toEqual(['dev', 'main', 'v1.0']);
  expect(await answers('log', '-b', '')).toEqual(['dev', 'main']);
  expect(await answers('tag', 'delete', '')).toEqual(['v1.0']);
  expect(await answers('cat', 'v1.0:src/')).toEqual(['v1.0:src/main.ts', 'v1.0:src/more.ts']);
  expect(await answers('cat', 'sr')).toEqual(['src/']);
  expect(await answers('cp', ':')).toEqual([':a dir/', ':src/']);
  expect(await answers('cp', 'tree/', 'de')).toEqual(['dev:']);
  expect(await answers('diff', 'main', '--', 'src/mo')).toEqual(['src/more.ts']);
  expect(await answers('ls', '../')).toEqual(['(none)']);
});

test('what is local is left to the shell, also without a repository', async () => {
  expect(await answers('cp', './')).toEqual(['(file)']);
  expect(await answers('cp', '--exclude-from', '')).toEqual(['(file)']);
  expect(await answers('checkpoint', '--dir', '')).toEqual(['(directory)']);
  expect(await answers('merge', '../')).toEqual(['(directory)']);
  expect(await answers('-r', join(place.folder, 'none.git'), 'cp', 'x')).toEqual(['(file)']);
  expect(await answers('-r', 's3://bucket/x', 'log', '')).toEqual(['(none)']);
});

test('each argument has a kind, and each value', async () => {
  const { commands: all } = await allCommands();
  expect(all.length).toBeGreaterThan(50);
  expect(all.filter(({ withoutKind }) => withoutKind.length > 0)).toEqual([]);
  const option = (flags: string) => new Command().createOption(flags);
  expect(kindOfValue(option('--to <ref>'))).toBe('ref');
  expect(kindOfValue(option('-b, --branch <name>'))).toBe('branch');
});

test.each([
  // What is typed, what the word is, and what a completion puts in its place.
  ['gitstore ls main:s', 'main:s', 'main:src/', 'src/'],
  ['gitstore ls main:a\\ d', 'main:a d', 'main:a dir/', 'a\\ dir/'],
  ['gitstore ls "main:a d', 'main:a d', 'main:a "dir"/', 'main:a \\"dir\\"/'],
  ["gitstore ls main:'a d", 'main:a d', "main:a di'r/", "a di'\\''r/"],
  ['gitstore ls --format=j', '--format=j', '--format=json', 'json'],
  ['gitstore ls ', '', ':$x', ':\\$x'],
])('Bash: %s', (line, word, value, inserted) => {
  const read = wordsOfLine(line, BREAKS);
  expect(read.before).toEqual(['gitstore', 'ls']);
  expect(read.word).toBe(word);
  expect(bashCompletion(value, read, false)).toBe(inserted);
});

describe.skipIf(!hasTerminals)('in a shell (needs python3)', () => {
  const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;
  let bin: string;
  beforeAll(() => {
    bin = join(place.folder, 'bin');
    mkdirSync(bin);
    const script = `#!/bin/sh\nexec '${process.execPath}' '${programPath()}' "$@"\n`;
    writeFileSync(join(bin, 'gitstore'), script);
    chmodSync(join(bin, 'gitstore'), 0o755);
  });
  const environment = () => ({
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    GITSTORE_REPO: place.repo,
    HOME: place.folder,
    PS1: '$ ',
  });

  /** Types two lines with a Tab in each. */
  async function typesIn(command: string[], source: string): Promise<string> {
    const session = new TerminalSession(200, command, environment(), true);
    session.type(`${source}; echo ready$((1+1))\n`);
    await session.waitFor(/ready2/);
    session.type('gitstore cat main:src/ma\t');
    await session.waitFor(/main\.ts/);
    session.type('\n');
    await session.waitFor(/the main file/);
    session.type('gitstore cat :a\t');
    await session.waitFor(/:a\\? dir\//);
    session.type('\t');
    await session.waitFor(/1\.txt/);
    session.type('\nexit\n');
    return (await session.end()).screen.output;
  }

  it.skipIf(!has('bash'))('Bash', async () => {
    const shell = ['bash', '--norc', '--noprofile', '-i'];
    expect(await typesIn(shell, 'eval "$(gitstore completion bash)"')).toContain('the odd file');
  });

  it.skipIf(!has('zsh'))('Zsh', async () => {
    const start = 'autoload -Uz compinit; compinit -u -D; source <(gitstore completion zsh)';
    expect(await typesIn(['zsh', '-f', '-i'], start)).toContain('the odd file');
  });

  it.skipIf(!has('fish'))('fish', async () => {
    const ask = (line: string) => {
      const script = `gitstore completion fish | source; complete -C ${JSON.stringify(line)}`;
      const { stdout } = spawnSync('fish', ['--no-config', '-c', script], {
        env: { ...process.env, ...environment() },
        encoding: 'utf8',
      });
      return stdout;
    };
    expect(ask('gitstore verif')).toBe('verify\tcheck every object, ref and pack\n');
    expect(ask('gitstore cat main:src/ma')).toBe('main:src/main.ts\n');
    expect(ask("gitstore cat ':a dir/")).toBe(":a dir/it's $1.txt\n");
  });
});

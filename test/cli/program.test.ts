/** What holds for every command: help, version, errors, exit codes, where the repository comes from. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { commands } from '../../src/cli/commands.ts';
import { gitstore, Place, programPath } from './program.ts';

const place = new Place();

beforeAll(async () => {
  await place.okWith({ input: 'hello\n' }, 'write', 'hello.txt');
});

describe('help and version', () => {
  it('prints the version', async () => {
    const { code, stdout, stderr } = await gitstore(['--version']);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `gitstore ${packageJson.version}\n`,
      stderr: '',
    });
  });

  it('lists every command', async () => {
    const { code, stdout, stderr } = await gitstore(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const [name, { summary }] of Object.entries(commands)) {
      expect(stdout).toMatch(new RegExp(`^  ${name} .*  ${summary}`, 'm'));
    }
    expect(stdout).toContain('Examples:');
  });

  it('describes each command, with examples', async () => {
    await Promise.all(
      Object.keys(commands).map(async (name) => {
        const { code, stdout, stderr } = await gitstore([name, '--help']);
        expect({ name, code, stderr }).toEqual({ name, code: 0, stderr: '' });
        expect(stdout).toMatch(new RegExp(`^Usage: gitstore ${name}`));
        expect(stdout).toMatch(/--repo <path>/);
        expect(stdout).toMatch(/Examples:\n {2}\S/);
      }),
    );
  });

  it('knows `help COMMAND`', async () => {
    const usages: [string[], string][] = [
      [['help'], 'gitstore [options] <command>'],
      [['help', 'cat'], 'gitstore cat '],
      [['help', '-r', 'x.git', 'cat'], 'gitstore cat '],
      [['help', 'help'], 'gitstore help '],
      [['help', 'branch'], 'gitstore branch [options] [command]'],
      [['help', 'branch', 'set'], 'gitstore branch set '],
      [['branch', 'help', 'set'], 'gitstore branch set '],
      [['tag', 'help'], 'gitstore tag [options] [command]'],
      [['note', 'help', 'set'], 'gitstore note set '],
    ];
    for (const [args, usage] of usages) {
      const { code, stdout, stderr } = await gitstore(args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      expect(stdout.slice(0, stdout.indexOf('\n'))).toContain(`Usage: ${usage}`);
    }
  });
});

describe('wrong usage', () => {
  it.each([
    [['sl'], /^Error: Unknown command 'sl' \(Did you mean ls\?\)\. See 'gitstore help[^'\n]*'\n$/],
    [['frobnicate'], /^Error: Unknown command 'frobnicate'\. See 'gitstore help[^'\n]*'\n$/],
    [
      ['frobnicate', '--help'],
      /^Error: Unknown command 'frobnicate'\. See 'gitstore help[^'\n]*'\n$/,
    ],
    [
      ['help', 'sl'],
      /^Error: Unknown command 'sl' \(Did you mean ls\?\)\. See 'gitstore help[^'\n]*'\n$/,
    ],
    [
      ['help', 'branch', 'frob'],
      /^Error: Unknown command 'branch frob'\. See 'gitstore help[^'\n]*'\n$/,
    ],
    [['note', 'help', 'frob'], /^Error: Unknown command 'frob'\. See 'gitstore help[^'\n]*'\n$/],
    [
      ['ls', '--ful-hash'],
      /^Error: Unknown option '--ful-hash' \(Did you mean --full-hash\?\)\. See 'gitstore help[^'\n]*'\n$/,
    ],
    [['cat'], /^Error: Missing required argument 'path'\. See 'gitstore help[^'\n]*'\n$/],
    [['hash', 'a', 'b'], /^Error: Too many arguments/],
    [['ls', '--format', 'xml'], /^Error: .*'xml' is invalid/],
    [['undo', '0'], /^Error: .*'0' is invalid/],
    [['undo', '-1'], /^Error: /],
    [['undo', 'abc'], /^Error: .*'abc' is invalid/],
    [['redo', '1.5'], /^Error: .*'1.5' is invalid/],
    [['ls', '--back', '-1'], /^Error: .*'-1' is invalid/],
    [['ls', '--back', 'x'], /^Error: .*'x' is invalid/],
    [['ls', '--before', 'soon'], /^Error: .*'soon' is invalid/],
    [['branch', 'frob'], /^Error: Unknown command 'branch frob'/],
    [['ls', '-b'], /^Error: .*argument missing/],
    [
      ['rm', 'x', '--force-tag'],
      /^Error: --force-tag needs --tag NAME\. See 'gitstore help[^'\n]*'\n$/,
    ],
  ])('%j exits with 2 and one line', async (args, expected) => {
    const { code, stdout, stderr } = await place.run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(expected);
  });

  it('without a command shows the help on stderr', async () => {
    const { code, stdout, stderr } = await gitstore([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: gitstore/);
  });
});

describe('the repository', () => {
  it('is the option before or after the command, else GITSTORE_REPO, else VOST_REPO', async () => {
    const { repo } = place;
    const none = join(place.folder, 'none.git');
    const cases: [string[], NodeJS.ProcessEnv][] = [
      [['-r', repo, 'ls'], { GITSTORE_REPO: none }],
      [['--repo', repo, 'ls'], {}],
      [[`--repo=${repo}`, 'ls'], {}],
      [[`-r${repo}`, 'ls'], {}],
      [['-vr', repo, 'ls'], {}],
      [['ls', '-r', repo], { GITSTORE_REPO: none, VOST_REPO: none }],
      [['ls', '--repo', repo], {}],
      [['ls'], { GITSTORE_REPO: repo, VOST_REPO: none }],
      [['ls'], { GITSTORE_REPO: '', VOST_REPO: repo }],
      [['ls', '-r', repo], {}],
      [['-r', none, 'ls', '-r', repo], {}],
    ];
    await Promise.all(
      cases.map(async ([args, env]) => {
        const { code, stdout, stderr } = await gitstore(args, { env });
        expect({ args, code, stdout, stderr }).toEqual({
          args,
          code: 0,
          stdout: 'hello.txt\n',
          stderr: '',
        });
      }),
    );
  });

  it('must be given and must be there', async () => {
    const missing = await gitstore(['ls']);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/^Error: No repository given: [^\n]+\n$/);
    const none = await gitstore(['ls', '-r', join(place.folder, 'none.git')]);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/^Error: [^\n]*none\.git[^\n]*\n$/);
    const folder = join(place.folder, 'folder');
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), '');
    for (const path of [folder, join(folder, 'file')]) {
      const other = await gitstore(['ls', '-r', path]);
      expect(other.code).toBe(1);
      expect(other.stderr).toMatch(/^Error: [^\n]+\n$/);
    }
  });
});

describe('failures', () => {
  it('are one line, and with GITSTORE_DEBUG=1 a stack trace as well', async () => {
    expect(await place.fails(1, 'cat', 'missing.txt')).toMatch(/missing\.txt/);
    const { code, stderr } = await place.runWith(
      { env: { GITSTORE_DEBUG: '1' } },
      'cat',
      'missing.txt',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: [^\n]+\n(.*\n)*\s+at /);
  });

  it('show no control characters of a name', async () => {
    const { stderr } = await place.run('cat', 'a\x1b[2J\nb');
    expect(stderr).toMatch(/^Error: [^\x1b\n]*\\x1b\[2J[^\n]*\n$/);
  });

  it('never hide behind an option of the wrong kind: -- ends the options', async () => {
    await place.okWith({ input: 'x' }, 'write', '--', '-odd');
    expect(await place.ok('cat', '--', '-odd')).toBe('x');
    await place.ok('rm', '--', '-odd');
  });

  it('of a closed pipe are quiet', async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `file-${i}-${'x'.repeat(200)}`);
    const source = join(place.folder, 'many');
    mkdirSync(source);
    for (const line of lines) writeFileSync(join(source, line), '');
    await place.ok('cp', './many', ':');
    await place.okWith({ input: 'x'.repeat(4000) }, 'write', 'page');
    for (const args of [
      ['ls', '-R'],
      // Written one by one, so that it waits with a piece of which nothing is through yet.
      ['cat', ...Array(500).fill('page')],
      ['ls', '-l', 'many', '--format', 'json'],
    ]) {
      const child = spawn(process.execPath, [programPath(), ...args, '-r', place.repo]);
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      // Node makes a socket of it: closed with something left to read, it is not closed but reset.
      child.stdout.once('readable', async () => {
        await setTimeout(300);
        child.stdout.destroy();
      });
      const [code, signal] = await once(child, 'close');
      expect({ args, code, signal, stderr }).toEqual({ args, code: 0, signal: null, stderr: '' });
    }
    await place.ok('rm', '-R', 'many', 'page');
  });
});

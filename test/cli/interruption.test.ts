/** Ctrl-C and its like: the command ends by the signal and leaves nothing unfinished behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { buildProgram } from '../helpers/build.ts';
import { expectClean, gitEnvironment } from '../helpers/git.ts';
import { runProgram } from '../helpers/hosts.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let cli: string;

beforeAll(async () => {
  cli = (await buildProgram()).cli;
});

/** Files below a folder whose names say that somebody was not done with them. */
function unfinished(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      /(^|[/\\])(tmp_|\.gs-|\.gitstore)|\.lock$/.test(path) && !path.endsWith('gitstore.lock'),
  );
}

async function folderOfFiles(): Promise<string> {
  const folder = join(scratchFolder(), 'in');
  for (let i = 0; i < 40; i++) {
    mkdirSync(join(folder, `d${i}`), { recursive: true });
    for (let j = 0; j < 40; j++) {
      writeFileSync(join(folder, `d${i}`, `f${j}`), `${i} ${j} `.repeat(2000));
    }
  }
  return folder;
}

describe.skipIf(process.platform === 'win32')('a signal', () => {
  /** Starts the program, sends it the signal after a while, and waits for its end. */
  async function interrupted(signal: NodeJS.Signals, after: number, args: string[]): Promise<void> {
    const child = spawn(process.execPath, [cli, ...args], {
      env: gitEnvironment,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    child.stdin.on('error', () => {});
    child.stdin.write('some of it');
    const timer = setTimeout(() => child.kill(signal), after);
    const [code, endedBy] = await once(child, 'exit');
    clearTimeout(timer);
    child.stdin.destroy();
    expect(endedBy ?? (code === 0 ? signal : code)).toBe(signal);
  }

  test('ends write that waits for its input', async () => {
    const store = join(scratchFolder(), 'store.git');
    expect((await runProgram(cli, ['-r', store, 'init'])).code).toBe(0);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      await interrupted(signal, 600, ['-r', store, 'write', 'a']);
      expect(unfinished(store)).toEqual([]);
    }
    expect((await runProgram(cli, ['-r', store, 'ls'])).stdout.toString()).toBe('');
    expectClean(store);
  });

  test('ends copies in and out', async () => {
    const folder = await folderOfFiles();
    const stored = join(scratchFolder(), 'stored.git');
    expect((await runProgram(cli, ['-r', stored, 'cp', `${folder}/`, ':'])).code).toBe(0);
    for (const [i, after] of [60, 120, 180, 250, 350, 500].entries()) {
      const signal = i % 2 === 0 ? 'SIGINT' : 'SIGTERM';
      const store = join(scratchFolder(), 'store.git');
      expect((await runProgram(cli, ['-r', store, 'init'])).code).toBe(0);
      await interrupted(signal, after, ['-r', store, 'sync', folder, ':']);
      expect(unfinished(store)).toEqual([]);
      expectClean(store);
      const out = join(scratchFolder(), 'out');
      mkdirSync(out);
      await interrupted(signal, after, ['-r', stored, 'cp', ':', out]);
      expect(unfinished(out)).toEqual([]);
    }
  });

  test('says what has become of a change within the repository', async () => {
    const folder = scratchFolder();
    // The signal comes as soon as a command is ready for it.
    const hook = join(folder, 'hook.mjs');
    writeFileSync(
      hook,
      `const on = process.on.bind(process);
      process.on = (name, listener) => {
        on(name, listener);
        if (name === 'SIGINT') process.kill(process.pid, 'SIGINT');
        return process;
      };`,
    );
    const repo = join(folder, 'store.git');
    await using store = await GitStore.open(repo, { durability: 'fast' });
    const base = await (await store.branches.get('main')).apply({ writes: { a: '1', b: '2' } });
    await (await store.branches.set('dev', base)).write('c', '3');
    await (await store.branches.set('same', base)).write('d', '4', { message: 'the same' });
    await base.write('d', '4');
    for (const args of [
      ['rm', 'a'],
      ['mv', ':b', ':z'],
      ['merge', 'dev'],
      ['revert', 'main'],
      ['merge', 'same'],
    ]) {
      const before = (await store.branches.get('main')).commitHash;
      const { stderr, signal } = await runNode(['--import', hook, cli, '-r', repo, ...args]);
      const after = (await store.branches.get('main')).commitHash;
      const fate =
        after === before ? 'nothing was committed' : `${after.slice(0, 7)} had been committed`;
      expect({ args, stderr, signal }).toEqual({
        args,
        stderr: `Interrupted: ${fate}\n`,
        signal: 'SIGINT',
      });
    }
    expect(unfinished(repo)).toEqual([]);
    expectClean(repo);
  });

  test('leaves a repository that is being destroyed to the next destroy', async () => {
    const folder = scratchFolder();
    const store = join(folder, 'data.git');
    const names = () => readdirSync(folder).filter((name) => name !== 'live');
    const fill = async () => {
      expect((await runProgram(cli, ['-r', store, 'init'])).code).toBe(0);
      for (let i = 0; i < 4000; i++) writeFileSync(join(store, 'objects', `extra${i}`), '');
    };
    const destroy = ['-r', store, 'destroy', '-f'];
    let left: string[] = [];
    while (left.length === 0) {
      if (!existsSync(store)) await fill();
      const child = spawn(process.execPath, [cli, ...destroy], { env: gitEnvironment });
      const ended = once(child, 'exit');
      while (child.exitCode === null && existsSync(store)) await new Promise(setImmediate);
      child.kill('SIGKILL');
      await ended;
      left = names();
    }
    expect(left).toEqual([expect.stringMatching(/^data\.git\.removed-/)]);
    const again = await runNode([cli, ...destroy]);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(names()).toEqual([]);
  });
});

/** A repository of another user is read, and written to only where `safe.directory` allows it. */
import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../helpers/build.ts';
import { git } from '../helpers/git.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const OTHER = 12345;
let cli: string;
let store: string;
let home: string;

describe.skipIf(process.getuid?.() !== 0)(
  'a repository of another user (root gives it away)',
  () => {
    beforeAll(async () => {
      cli = (await buildProgram()).cli;
      const folder = scratchFolder();
      home = join(folder, 'home');
      mkdirSync(home);
      store = join(folder, 'theirs.git');
      expect((await runNode([cli, '-r', store, 'write', 'a'], { input: 'text' })).code).toBe(0);
      chownSync(store, OTHER, OTHER);
    });

    const run = (args: string[], env: NodeJS.ProcessEnv = {}, input = '') =>
      runNode([cli, '-r', store, ...args], {
        env: { HOME: home, GIT_CONFIG_GLOBAL: undefined, SUDO_UID: undefined, ...env },
        input,
      });

    it('is read', async () => {
      const end = await run(['cat', 'a']);
      expect([end.code, end.stdout.toString()]).toEqual([0, 'text']);
      expect((await run(['log'])).code).toBe(0);
      expect((await run(['verify'])).code).toBe(0);
    });

    it.each([
      [['write', 'b']],
      [['rm', 'a']],
      [['undo']],
      [['branch', 'set', 'dev']],
      [['branch', 'current', '-b', 'main']],
      [['tag', 'set', 't']],
      [['note', 'set', 'main', 'text']],
      [['gc']],
      [['pack']],
      [['cp', import.meta.filename, ':']],
    ])('%j is refused and changes nothing', async (args) => {
      const before = [readdirSync(store, { recursive: true }).sort(), git(store, 'show-ref')];
      const end = await run(args, {}, 'x');
      // `branch current -b NAME` sets HEAD.
      expect(end.code, end.stdout.toString()).toBe(1);
      expect(end.stderr).toMatch(
        /^Error: \S+theirs\.git belongs to another user, so it is only read; to write to it all the same: git config --global --add safe\.directory \S+theirs\.git\n$/,
      );
      expect([readdirSync(store, { recursive: true }).sort(), git(store, 'show-ref')]).toEqual(
        before,
      );
    });

    it.each<[string, () => NodeJS.ProcessEnv, boolean]>([
      ['*', () => config('[safe]\n\tdirectory = *\n'), true],
      ['its path', () => config(`[safe]\n\tdirectory = ${store}\n`), true],
      ['its folder with /*', () => config(`[safe]\n\tdirectory = ${join(store, '..')}/*\n`), true],
      ['another path', () => config(`[safe]\n\tdirectory = ${store}2\n`), false],
      [
        'taken back by an empty value',
        () => config('[safe]\n\tdirectory = *\n\tdirectory =\n'),
        false,
      ],
      [
        'the environment',
        () => ({
          GIT_CONFIG_COUNT: '1',
          GIT_CONFIG_KEY_0: 'safe.directory',
          GIT_CONFIG_VALUE_0: store,
        }),
        true,
      ],
      ['sudo by its owner', () => ({ SUDO_UID: String(OTHER) }), true],
      ['sudo by another', () => ({ SUDO_UID: String(OTHER + 1) }), false],
    ])('safe.directory: %s, as Git has it', async (_, env, isSafe) => {
      const end = await run(['write', 'b'], env(), String(Math.random()));
      expect(end.code === 0, end.stderr).toBe(isSafe);
    });

    it('its own configuration does not count', async () => {
      git(store, '-c', 'safe.directory=*', 'config', 'safe.directory', '*');
      expect((await run(['write', 'b'])).code).toBe(1);
    });
  },
);

function config(text: string): NodeJS.ProcessEnv {
  const file = join(scratchFolder(), 'gitconfig');
  writeFileSync(file, text);
  return { GIT_CONFIG_GLOBAL: file };
}

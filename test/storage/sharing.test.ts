/** `core.sharedRepository`: the permissions that Git gives, and two users of one group who take turns. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { parseSharing } from '../../src/storage/disk/sharing.ts';
import { buildProgram } from '../helpers/build.ts';
import { expectClean, git, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { canRunAsOthers } from '../helpers/users.ts';

const posix = process.platform !== 'win32';

test.each<[string | undefined, number | undefined]>([
  [undefined, 0],
  ['umask', 0],
  ['group', 0o660],
  ['TRUE', 0o660],
  ['1', 0o660],
  ['all', 0o664],
  ['2', 0o664],
  ['0640', -0o640],
  ['640', -0o640],
  ['0777', -0o666],
  ['0440', undefined],
  ['ours', undefined],
])('%s', (text, sharing) => {
  expect(parseSharing(text)).toBe(sharing);
});

function modesOf(folder: string): Map<string, number> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(names.map((name) => [name, lstatSync(join(folder, name)).mode & 0o7777]));
}

describe.skipIf(!posix)('modes', () => {
  test.each([
    ['group', 0o660, 0o440],
    ['all', 0o664, 0o444],
    ['0660', 0o660, 0o440],
    ['0640', 0o640, 0o440],
  ])('of %s are those that Git gives', async (value, file, object) => {
    const path = join(scratchFolder(), 'a.git');
    git('.', 'init', '-q', '--bare', '-b', 'team/main', `--shared=${value}`, path);
    const before = new Set(modesOf(path).keys());
    const umask = process.umask(0o077);
    try {
      const store = await GitStore.open(path, { create: false });
      let fs = await store.branches.setEmpty('team/main');
      fs = await fs.write('a', 'a');
      fs = await fs.write(
        'large',
        (async function* () {
          yield Buffer.alloc(20 << 20, 'x');
        })(),
      );
      await store.pack();
      await fs.write('b', 'b');
      await store.close();
    } finally {
      process.umask(umask);
    }
    for (const [name, mode] of modesOf(path)) {
      if (before.has(name)) continue;
      const isDirectory = lstatSync(join(path, name)).isDirectory();
      const wanted = isDirectory
        ? file | ((file & 0o444) >> 2) | 0o2100
        : /^objects\//.test(name)
          ? object
          : file;
      expect([name, mode.toString(8)]).toEqual([name, wanted.toString(8)]);
    }
    expectClean(path);
  });
});

test.skipIf(!canRunAsOthers())('two users of one group write in turn', async () => {
  const { cli } = await buildProgram();
  // It was made for its builder alone.
  chmodSync(dirname(cli), 0o755);
  const GROUP = 54321;
  const folder = scratchFolder();
  const path = join(folder, 'a.git');
  chmodSync(folder, 0o777);
  git('.', 'init', '-q', '--bare', '-b', 'main', '--shared=group', path);
  for (const name of ['', ...modesOf(path).keys()]) chownSync(join(path, name), 54001, GROUP);
  for (const [name, mode] of modesOf(path)) {
    if (lstatSync(join(path, name)).isDirectory()) chmodSync(join(path, name), mode | 0o2000);
  }
  const safe = {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
  };
  const as = (uid: number, command: string, args: string[], input = '') => {
    const env = { ...gitEnvironment, HOME: folder, NODE_DISABLE_COMPILE_CACHE: '1', ...safe };
    // The umask of the shell is what locks others out.
    const script = ['-c', 'umask 077; exec "$@"', 'sh', command, ...args];
    const done = spawnSync('sh', script, { uid, gid: GROUP, env, input, encoding: 'utf8' });
    expect({ uid, args, status: done.status, stderr: done.stderr }).toMatchObject({ status: 0 });
    return done.stdout.trim();
  };
  for (let i = 0; i < 2; i++) {
    for (const uid of [54001, 54002]) {
      const run = (...args: string[]) =>
        as(uid, process.execPath, [cli, '-r', path, ...args], `${uid} ${i}`);
      run('write', `dir${i}/file-${uid}`);
      run('branch', 'set', '-f', `topic/${i}`, '--ref', 'main');
      const tip = git(path, 'rev-parse', 'main');
      const tree = `${tip}^{tree}`;
      const args = ['--git-dir', path];
      const next = as(uid, 'git', [...args, 'commit-tree', '-m', 'git', '-p', tip, tree]);
      as(uid, 'git', [...args, 'update-ref', 'refs/heads/main', next, tip]);
      if (uid === 54002) run(i === 0 ? 'gc' : 'pack');
    }
  }
  expect(git(path, 'rev-list', '--count', 'main')).toBe('9');
  expect(git(path, 'ls-tree', '-r', '--name-only', 'main').split('\n')).toHaveLength(4);
});

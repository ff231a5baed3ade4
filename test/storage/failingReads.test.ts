/** One system call that fails while refs are read never makes a branch go, here or elsewhere. */
import { cpSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { replaceCalls } from '../helpers/systemCalls.ts';

const fault = {
  code: 'EIO',
  /** Calls that touch refs, until one fails; 0: none does. */
  countdown: 0,
  place: '/',
};

replaceCalls(
  ['readFileSync', 'openSync', 'readdirSync', 'statSync', 'lstatSync', 'readlinkSync'],
  (call, name) =>
    (path, ...rest) => {
      if (fault.countdown > 0 && isOfRefs(path)) {
        if (--fault.countdown === 0) {
          const text = `${fault.code}: it is made to fail, ${name} '${String(path)}'`;
          throw Object.assign(new Error(text), { code: fault.code, path, syscall: name });
        }
      }
      return call(path, ...rest);
    },
);

function isOfRefs(path: unknown): boolean {
  return (
    typeof path === 'string' &&
    path.startsWith(fault.place) &&
    /[\\/](?:packed-refs|HEAD|refs(?:[\\/].*)?)$/.test(path)
  );
}

const DEV = 'refs/heads/dev';
const OLD = new Date(Date.now() - 20 * 24 * 3600 * 1000);
const isFull = process.env.GITSTORE_STRESS === '1';

let template: string;
let dev: string;

beforeAll(() => {
  template = join(scratchFolder(), 'template.git');
  git('.', 'init', '-q', '--bare', '-b', 'main', template);
  const tree = git(template, 'mktree');
  git(template, 'update-ref', 'refs/heads/main', git(template, 'commit-tree', '-m', 'main', tree));
  git(template, 'update-ref', 'refs/heads/other', 'refs/heads/main');
  git(template, 'pack-refs', '--all');
  dev = git(template, 'commit-tree', '-m', 'dev', tree);
  git(template, 'update-ref', DEV, dev);
});

const verbs = {
  'gc, pruning': (store: GitStore) => store.gc({ prune: 'now' }),
  'a backup to a path': (store: GitStore, mirror: string) => store.backup(mirror),
  'a backup to a bundle': (store: GitStore, mirror: string) => store.backup(`${mirror}.bundle`),
};

describe.each([
  ['EMFILE', 1],
  ['EIO', 2],
])('%s', (code, first) => {
  test.each(Object.entries(verbs))('in %s', async (verb, work) => {
    let isThrough = false;
    let failures = 0;
    // A collection is slow and looks often. The two codes fail at different calls.
    const step = isFull ? 1 : verb.startsWith('gc') ? 11 : 3;
    // One call after the other, until there is none left to fail.
    for (let at = isFull ? 1 : first; !isThrough; at += step) {
      const folder = scratchFolder();
      const path = join(folder, 'data.git');
      const mirror = join(folder, 'mirror.git');
      cpSync(template, path, { recursive: true });
      for (const name of readdirSync(join(path, 'objects'), {
        recursive: true,
        encoding: 'utf8',
      })) {
        utimesSync(join(path, 'objects', name), OLD, OLD);
      }
      const store = await GitStore.open(path, {
        create: false,
        durability: 'fast',
        onWarning() {},
      });
      await store.backup(mirror);
      await store.backup(`${mirror}.bundle`);
      // A change, so that both are written anew.
      await (await store.branches.get('main')).writeText('file.txt', 'new');
      Object.assign(fault, { code, countdown: at, place: folder });
      try {
        await work(store, mirror);
      } catch (error) {
        failures++;
        expect(error).toMatchObject({
          code: expect.stringMatching(/^(?:EUNREADABLE|ESTALE|EMADE|EMFILE|EIO)$/),
        });
      } finally {
        isThrough = fault.countdown > 0;
        fault.countdown = 0;
      }
      const where = `call ${at}`;
      expect(git(path, 'rev-parse', DEV), where).toBe(dev);
      expect(git(path, 'cat-file', '-t', dev), where).toBe('commit');
      expect(git(mirror, 'rev-parse', DEV), where).toBe(dev);
      const heads = git('.', 'bundle', 'list-heads', `${mirror}.bundle`);
      expect(heads, where).toContain(`${dev} ${DEV}`);
      // And the next one succeeds.
      await work(store, mirror);
      expect(git(path, 'cat-file', '-t', dev), where).toBe('commit');
      await store.close();
    }
    expect(failures).toBeGreaterThan(0);
  });
});

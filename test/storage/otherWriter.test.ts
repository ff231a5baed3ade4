/**
 * Git commits to a branch at any moment of a call of ours: between two system calls that touch the store.
 * What Git has told as done stays, and the call is done on top of it, or refuses.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type FS, GitStore } from '../../src/index.ts';
import { commitsOf, expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { isBelowOrOpen, Moment } from '../helpers/systemCalls.ts';

const other = new Moment(
  [
    'openSync',
    'readFileSync',
    'readdirSync',
    'statSync',
    'lstatSync',
    'existsSync',
    'renameSync',
    'linkSync',
    'unlinkSync',
    'mkdirSync',
    'rmdirSync',
    'utimesSync',
    'writeSync',
    'closeSync',
  ],
  isBelowOrOpen,
);
const isFull = process.env.GITSTORE_STRESS === '1';
let template: string;

beforeAll(async () => {
  template = join(scratchFolder(), 'template.git');
  const store = await GitStore.open(template, { durability: 'fast' });
  let fs = await store.branches.get('main');
  for (const name of ['one', 'two', 'three']) fs = await fs.writeText(`d/${name}`, name);
  await store.branches.set('topic', fs);
  await store.close();
  git(template, 'config', 'core.filesRefLockTimeout', '0');
  git(template, 'config', 'core.packedRefsTimeout', '0');
});

type Call = (store: GitStore, held: FS) => Promise<unknown>;

const calls: Record<string, Call> = {
  'a write': (_, held) => held.writeText('ours', 'ours'),
  'a merging write': (_, held) => held.writeText('ours', 'ours', { staleWrites: 'merge' }),
  'an update': (store) => store.update('main', (fs) => fs.writeText('ours', 'ours')),
  'an undo': (_, held) => held.undo(),
  'a merge': (_, held) => held.merge('topic', { fastForward: false }),
  'a tag': (store, held) => store.tags.set('v1', held),
  'a note': (store, held) => store.notes.commits.set(held, 'a note'),
  'another branch deleted': (store) => store.branches.delete('topic'),
  'a packing': (store) => store.pack(),
  'a collection': (store) => store.gc({ prune: 'now' }),
};

const acts: Record<string, (path: string) => string | undefined> = {
  commits,
  'packs and commits': (path) => {
    orElse(() => git(path, 'pack-refs', '--all', '--prune'));
    return commits(path);
  },
};

/** @returns the commit; undefined when the branch was locked */
function commits(path: string): string | undefined {
  const tree = git(path, 'rev-parse', 'main^{tree}');
  const parent = git(path, 'rev-parse', 'main');
  const commit = git(path, 'commit-tree', '-p', parent, '-m', 'by Git', tree);
  const update = ['update-ref', 'refs/heads/main', commit, parent];
  return orElse(() => git(path, ...update)) === undefined ? undefined : commit;
}

/** Undefined when Git fails, as it does on a lock of ours. */
function orElse(run: () => string): string | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

// By default one act for each call, by turns.
describe.each(Object.entries(acts))('Git %s', (name, act) => {
  const some = Object.entries(calls).filter(
    (_, i) => isFull || i % 2 === Number(name === 'commits'),
  );
  test.each(some)('%s', { timeout: 600_000 }, async (call, work) => {
    const step = call === 'a collection' || call === 'a packing' ? 7 : 1;
    let at = 1;
    let acted = 0;
    do {
      const path = join(scratchFolder(), 'data.git');
      cpSync(template, path, { recursive: true });
      const store = await GitStore.open(path, { create: false, durability: 'fast' });
      const held = await store.branches.get('main');
      let commit: string | undefined;
      other.set(at, path, () => {
        commit = act(path);
      });
      let fault: unknown;
      await work(store, held).catch((error: unknown) => {
        fault = error;
      });
      other.end();
      if (fault !== undefined) {
        expect(fault, `at call ${at}`).toMatchObject({ code: 'ESTALE' });
        expect(['a write', 'an undo', 'a merge']).toContain(call);
      }
      if (commit !== undefined) {
        acted++;
        expect(commitsOf(path), `at call ${at}`).toContain(commit);
      }
      expectClean(path);
      await store.close();
      at += isFull ? step : 3 * at;
    } while (other.isOver);
    expect(acted).toBeGreaterThan(0);
  });
});

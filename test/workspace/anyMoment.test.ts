/**
 * A person changes a folder at any moment of a checkpoint, a rewind or a merge: between two system calls
 * that touch it. What the person has written is in the folder afterwards, or in the store.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashObject } from '../../src/git/objectId.ts';
import { type FS, GitStore, Workspace } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { isBelowOrOpen, Moment } from '../helpers/systemCalls.ts';

const person = new Moment(
  [
    'openSync',
    'closeSync',
    'readSync',
    'writeSync',
    'readFileSync',
    'readdirSync',
    'statSync',
    'lstatSync',
    'fstatSync',
    'existsSync',
    'renameSync',
    'linkSync',
    'unlinkSync',
    'mkdirSync',
    'rmdirSync',
    'readlinkSync',
    'symlinkSync',
    'fchmodSync',
    'writeFileSync',
    'utimesSync',
  ],
  isBelowOrOpen,
);
const isFull = process.env.GITSTORE_STRESS === '1';
const TEXT = 'what a person has written';

interface Act {
  readonly act: (folder: string) => void;
  /** Where the text is afterwards, if it is in the folder. */
  readonly at?: string;
}

const acts: Record<string, Act> = {
  'writes into a file': {
    act: (folder) => writeFileSync(join(folder, 'a/changed'), TEXT, { flag: 'r+' }),
    at: 'a/changed',
  },
  'saves a file as editors do': {
    act(folder) {
      writeFileSync(join(folder, 'a/.save'), TEXT);
      renameSync(join(folder, 'a/.save'), join(folder, 'a/changed'));
    },
    at: 'a/changed',
  },
  'makes a file where one comes': {
    act(folder) {
      mkdirSync(join(folder, 'new'), { recursive: true });
      writeFileSync(join(folder, 'new/file'), TEXT);
    },
    at: 'new/file',
  },
  'makes a file in a directory that goes': {
    act(folder) {
      mkdirSync(join(folder, 'old'), { recursive: true });
      writeFileSync(join(folder, 'old/mine'), TEXT);
    },
    at: 'old/mine',
  },
  'puts a link in place of a directory': {
    act(folder) {
      renameSync(join(folder, 'a'), join(folder, '../moved'));
      symlinkSync('../outside', join(folder, 'a'));
    },
  },
  'removes a directory': { act: (folder) => rmSync(join(folder, 'a'), { recursive: true }) },
};

const BEFORE = { 'a/changed': 'before', 'a/same': 'same', 'old/file': 'old', kept: 'kept' };
const AFTER = { 'a/changed': 'after', 'a/same': 'same', 'new/file': 'new', kept: 'kept' };

interface Scene {
  readonly folder: string;
  readonly store: GitStore;
  readonly work: Workspace;
  readonly before: FS;
}

/** A folder with what is in `AFTER`, whose checkpoint before has what is in `BEFORE`. */
async function makeScene(): Promise<Scene> {
  const base = scratchFolder();
  const folder = join(base, 'work');
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside/changed'), 'outside');
  const store = await GitStore.open(join(base, 'data.git'), { durability: 'fast' });
  const fill = (files: Record<string, string>): void => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
  };
  fill(AFTER);
  const work = await Workspace.open(folder, { store });
  const before = await work.checkpoint();
  rmSync(join(folder, 'new'), { recursive: true });
  fill(BEFORE);
  const tip = await work.checkpoint();
  const side = await store.branches.set('side', tip);
  await side.apply({ writes: { 'a/changed': 'after', 'new/file': 'new' }, removes: ['old/file'] });
  return { folder, store, work, before };
}

const calls: Record<string, (scene: Scene) => Promise<unknown>> = {
  'a checkpoint': ({ work, folder }) => {
    writeFileSync(join(folder, 'kept'), 'kept on');
    return work.checkpoint();
  },
  'a rewind': ({ work, before }) => work.rewind(before),
  'a merge': async ({ work, store }) => work.merge(await store.fs('side')),
};

describe.each(Object.entries(calls))('%s', (call, work) => {
  test.each(Object.entries(acts))('a person %s', { timeout: 600_000 }, async (_, { act, at }) => {
    let moment = 1;
    const lost: number[] = [];
    do {
      const scene = await makeScene();
      const { folder, store } = scene;
      person.set(moment, folder, () => act(folder));
      let fault: unknown;
      await work(scene).catch((error: unknown) => {
        fault = error;
      });
      const hasActed = person.isOver;
      person.end();
      if (fault !== undefined)
        expect(fault).toHaveProperty('code', expect.stringMatching(/^E[A-Z]+$/));
      expect(readdirSync(join(folder, '../outside'))).toEqual(['changed']);
      expect(readFileSync(join(folder, '../outside/changed'), 'utf8')).toBe('outside');
      expect(readFileSync(join(folder, 'kept'), 'utf8')).toMatch(/^kept/);
      const same = join(folder, 'a/same');
      if (existsSync(same)) expect(readFileSync(same, 'utf8')).toBe('same');
      const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      expect(
        names.filter((name) => /\.gs-|\.tmp$/.test(name)),
        `moment ${moment}`,
      ).toEqual([]);
      if (at !== undefined && hasActed) {
        const file = join(folder, at);
        const isThere = existsSync(file) && readFileSync(file, 'utf8').startsWith(TEXT);
        const blob = hashObject('blob', Buffer.from(TEXT));
        const isStored = git(store.path, 'rev-list', '--all', '--objects').includes(blob);
        if (!isThere && !isStored) lost.push(moment);
      }
      await scene.work.close();
      await store.close();
      moment += isFull ? 1 : 1 + moment;
    } while (person.isOver);
    expect(moment).toBeGreaterThan(1);
    expect({ call, lost }).toEqual({ call, lost: [] });
  });
});

/**
 * The machine crashes. What each verb does to the disk is recorded; of the states in which a crash at
 * any moment can leave it (disk/states.ts) some are made, drawn at random. In each Git finds the store
 * in order, every ref has a value that was acknowledged last or was about to be, changes of several refs
 * are there as a whole, and our own `verify` and the next write succeed.
 */
// First, as it says.
import './disk/recorder.ts';

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChangeMadeError, GitStore } from '../../src/index.ts';
import { expectClean, git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Recording, record } from './disk/recorder.ts';
import { materialise, stateAfter } from './disk/states.ts';
import { effort, seed, seededRandom } from './stress.ts';

const { count, timeout } = effort(2, 150);
const who = { author: 'Test', email: 'test@localhost' };

/** What refs say, a line each. */
type Refs = string;
/** The number of events after which these refs were acknowledged. */
interface Acknowledged {
  readonly at: number;
  readonly refs: Refs;
}

interface Scene {
  store: GitStore;
  path: string;
  folder: string;
}

interface Verb {
  readonly name: string;
  readonly durability?: 'fast' | 'full';
  /** What there is before, on stable storage. */
  readonly before?: (scene: Scene) => Promise<void>;
  /** What others do then, without putting it on stable storage. Git's work is taken in afterwards. */
  readonly unsettled?: (scene: Scene) => Promise<void>;
  /** Each step is acknowledged by its end. */
  readonly steps: readonly ((scene: Scene) => Promise<unknown>)[];
  /** Where it lies that is recorded, when it is not the store. */
  readonly recorded?: string;
}

const main = ({ store }: Scene) => store.branches.get('main');
const write = (path: string, text: string) => (scene: Scene) =>
  scene.store.update('main', (tip) => tip.writeText(path, text));
/** Another store with other values for three branches. */
async function makeOther({ store, folder }: Scene): Promise<void> {
  for (const name of ['a', 'b', 'c']) {
    await store.branches.set(name, await store.branches.get('main'));
  }
  await store.backup(join(folder, 'other.git'));
  const other = await GitStore.open(join(folder, 'other.git'), who);
  for (const name of ['a', 'b', 'c']) {
    await other.update(name, (tip) => tip.writeText('restored', name));
  }
  await other.close();
}

/** Two commits of a process whose durability is `fast`. */
async function byFastWriter({ path }: Scene, ...files: string[]): Promise<void> {
  const fast = await GitStore.open(path, { ...who, durability: 'fast' });
  for (const file of files) await fast.update('main', (tip) => tip.writeText(file, `${file}\n`));
  await fast.close();
}

/** Makes a commit on top of main with Git, which fsyncs no loose object. No ref leads to it. */
function commitByGit(path: string, text: string): string {
  const hash = (type: string, data: string) =>
    gitBytes(path, ['hash-object', '-w', '-t', type, '--stdin'], Buffer.from(data));
  const blob = hash('blob', text).toString().trim();
  const make = (entry: string) => gitBytes(path, ['mktree'], Buffer.from(entry)).toString().trim();
  const deep = make(`100644 blob ${blob}\tfile\n`);
  const tree = make(`040000 tree ${deep}\tdeep\n`);
  const commit = git(path, 'commit-tree', '-p', 'main', '-m', text, tree);
  made.set(path, commit);
  return commit;
}

/** What Git has made last in a store. */
const made = new Map<string, string>();
const gitCommit = (path: string): string => made.get(path)!;

function makeFiles(folder: string, number: number): void {
  mkdirSync(join(folder, 'files/deep'), { recursive: true });
  for (let i = 0; i < number; i++) writeFileSync(join(folder, `files/deep/${i}`), `file ${i}\n`);
}

const verbs: readonly Verb[] = [
  { name: 'write', steps: [write('a', 'one\n'), write('b/c', 'two\n')] },
  {
    name: 'cp in, few files',
    steps: [
      async (scene) => {
        makeFiles(scene.folder, 5);
        return (await main(scene)).copyIn(join(scene.folder, 'files'), '');
      },
    ],
  },
  {
    name: 'cp in, a pack',
    steps: [
      async (scene) => {
        makeFiles(scene.folder, 150);
        return (await main(scene)).copyIn(join(scene.folder, 'files'), '');
      },
    ],
  },
  {
    name: 'cp out',
    steps: [async (scene) => (await main(scene)).copyOut('', join(scene.folder, 'out'))],
  },
  {
    name: 'sync',
    steps: [
      async (scene) => {
        makeFiles(scene.folder, 5);
        await (await main(scene)).syncIn(join(scene.folder, 'files'), '');
      },
      async (scene) => {
        rmSync(join(scene.folder, 'files/deep/1'));
        await (await main(scene)).syncIn(join(scene.folder, 'files'), '');
      },
    ],
  },
  {
    name: 'undo and redo',
    before: async (scene) => void (await write('x', 'x\n')(scene)),
    steps: [
      async (scene) => (await main(scene)).undo(),
      async (scene) => (await main(scene)).redo(),
    ],
  },
  {
    name: 'branch set and delete',
    steps: [
      async (scene) => scene.store.branches.set('team/x', await main(scene)),
      async (scene) => scene.store.branches.delete('team/x'),
    ],
  },
  {
    name: 'deleting a branch that is packed with an older value',
    before: async (scene) => {
      await scene.store.branches.set('x', await main(scene));
      git(scene.path, 'pack-refs', '--all');
      await scene.store.update('x', (tip) => tip.writeText('newer', 'newer\n'));
    },
    steps: [async ({ store }) => store.branches.delete('x')],
  },
  {
    name: 'a batch of notes',
    steps: [
      async (scene) => {
        const { commitHash } = await main(scene);
        await scene.store.notes.commits.batch(async (batch) => batch.set(commitHash, 'a note'));
      },
    ],
  },
  {
    name: 'restore, and back',
    before: makeOther,
    steps: [
      async ({ store, folder }) => store.restore(join(folder, 'other.git')),
      async ({ store }) => (await store.branches.get('a')).undo(),
      async ({ store }) => (await store.branches.get('b')).undo(),
    ],
  },
  {
    name: 'backup',
    before: async (scene) => {
      await scene.store.branches.set('b', await main(scene));
      await scene.store.backup(join(scene.folder, 'copy.git'));
      await write('newer', 'newer\n')(scene);
      await scene.store.update('b', (tip) => tip.writeText('newer', 'b\n'));
    },
    recorded: 'copy.git',
    steps: [async ({ store, folder }) => store.backup(join(folder, 'copy.git'))],
  },
  {
    name: 'write, on commits of a writer with fast',
    unsettled: async (scene) => {
      await byFastWriter(scene, 'a/deep/1', 'b');
      await byFastWriter(scene, 'c');
    },
    steps: [write('full', 'full\n'), write('a/deep/2', 'full\n')],
  },
  {
    name: 'write, on a pack of a writer with fast',
    unsettled: async ({ path, folder }) => {
      const fast = await GitStore.open(path, { ...who, durability: 'fast' });
      makeFiles(folder, 150);
      await (await fast.branches.get('main')).copyIn(join(folder, 'files'), '');
      await fast.close();
    },
    steps: [write('full', 'full\n')],
  },
  {
    name: 'write, on commits of Git',
    unsettled: async ({ path }) => {
      git(path, 'update-ref', 'refs/heads/main', commitByGit(path, 'by git'));
    },
    steps: [write('full', 'full\n'), write('full', 'again\n')],
  },
  {
    name: 'write, after Git has packed and unpacked',
    unsettled: async ({ path }) => {
      git(path, 'update-ref', 'refs/heads/main', commitByGit(path, 'by git'));
      git(path, 'repack', '-a', '-d', '-q');
      git(path, 'prune-packed', '-q');
    },
    steps: [write('full', 'full\n')],
  },
  {
    name: 'branch set to a commit of Git',
    unsettled: async ({ path }) => void commitByGit(path, 'x'),
    steps: [async ({ store, path }) => store.branches.set('x', await store.fs(gitCommit(path)))],
  },
  {
    name: 'a path restored from a commit of Git, and undo',
    unsettled: async ({ path }) => void commitByGit(path, 'x'),
    steps: [
      async (scene) => (await main(scene)).copyFromRef(gitCommit(scene.path), 'deep', 'restored'),
      async (scene) => (await main(scene)).undo(),
    ],
  },
  ...(['gc', 'pack'] as const).map(
    (verb): Verb => ({
      name: `${verb} by a store with durability fast`,
      durability: 'fast',
      before: async (scene) => {
        makeFiles(scene.folder, 120);
        await (await main(scene)).copyIn(join(scene.folder, 'files'), '');
        await write('more', 'more\n')(scene);
      },
      steps: [async ({ store }) => store[verb]()],
    }),
  ),
];

test('objects that a writer with fast left are synced before a ref moves to them', async () => {
  const path = join(scratchFolder(), 'store.git');
  const first = await GitStore.open(path, { ...who, durability: 'full' });
  const recorder = record(path);
  const fast = await GitStore.open(path, { ...who, durability: 'fast' });
  await fast.branches.setEmpty('other');
  await fast.update('other', (tip) => tip.writeText('a', 'the same\n'));
  await first.update('main', (tip) => tip.writeText('b', 'the same\n'));
  const { events, ...rest } = recorder.stop();
  await Promise.all([fast.close(), first.close()]);
  // Of what is not synced nothing is there: the worst that can be.
  const state = stateAfter({ ...rest, events }, events.length, 'posix', () => 0);
  const after = join(scratchFolder(), 'after.git');
  materialise(state, after);
  expect(git(after, 'show', 'main:b')).toBe('the same');
});

test('an object whose file a crash has emptied or broken is written again', async () => {
  const path = join(scratchFolder(), 'store.git');
  const store = await GitStore.open(path, who);
  await store.update('main', (tip) => tip.writeText('a', 'the same\n'));
  await store.close();
  const id = git(path, 'rev-parse', 'main:a');
  const file = join(path, 'objects', id.slice(0, 2), id.slice(2));
  for (const [i, damage] of ['', 'no zlib stream'].entries()) {
    rmSync(file);
    writeFileSync(file, damage);
    const again = await GitStore.open(path, who);
    await again.update('main', (tip) => tip.writeText(`b${i}`, 'the same\n'));
    await again.close();
    expect(git(path, 'show', `main:b${i}`)).toBe('the same');
    expectClean(path);
  }
});

test('what fails after the branch has moved names the commit that exists', async () => {
  const path = join(scratchFolder(), 'store.git');
  const store = await GitStore.open(path, who);
  const tip = await store.branches.get('main');
  let moved = false;
  const recorder = record(path, (event) => {
    if (event.op === 'rename' && event.toName === 'main') moved = true;
    if (event.op === 'sync' && moved) throw Object.assign(new Error('EIO'), { code: 'EIO' });
  });
  let tries = 0;
  const failed = store.update('main', (fs) => {
    tries++;
    return fs.writeText('a', 'a\n');
  });
  const error = await failed.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  recorder.stop();
  expect(error).toBeInstanceOf(ChangeMadeError);
  expect((error as ChangeMadeError).objectId).toBe(git(path, 'rev-parse', 'main'));
  expect(git(path, 'rev-parse', 'main~1')).toBe(tip.commitHash);
  expect(tries).toBe(1);
  await store.close();
  expectClean(path);
});

describe.each(verbs)('$name', (verb) => {
  const { unsettled } = verb;
  const models = unsettled === undefined ? (['journal', 'posix'] as const) : (['posix'] as const);
  const states = unsettled === undefined ? count : Math.ceil(count / 2);
  for (const model of models) {
    test(`${states} states of ${model} (seed ${seed})`, { timeout }, async () => {
      const { recording, acknowledged } = await play(verb);
      const seeded = seededRandom(seed);
      const folder = scratchFolder();
      for (let i = 0; i < states; i++) {
        // First of all: of what others have not synced nothing is there.
        const random = i === 0 && unsettled !== undefined ? () => 0 : seeded;
        // The moments after an acknowledgement count most.
        const end =
          i % 2 === 0
            ? acknowledged[Math.floor(random() * acknowledged.length)]!.at
            : acknowledged[0]!.at +
              Math.floor(random() * (recording.events.length + 1 - acknowledged[0]!.at));
        const path = join(folder, `state${i}.git`);
        materialise(stateAfter(recording, end, model, random), path);
        await expectInOrder(path, allowedAt(acknowledged, end), `${model}, state ${i} at ${end}`);
        rmSync(path, { recursive: true });
      }
    });
  }
});

async function play(
  verb: Verb,
): Promise<{ recording: Recording; acknowledged: readonly Acknowledged[] }> {
  const folder = scratchFolder();
  const path = join(folder, 'store.git');
  const setup = await GitStore.open(path, { ...who, durability: 'fast' });
  const start: Scene = { store: setup, path, folder };
  await write('start', 'start\n')(start);
  await verb.before?.(start);
  await setup.close();
  const store = await GitStore.open(path, { ...who, durability: verb.durability ?? 'full' });
  const scene: Scene = { store, path, folder };
  const watched = verb.recorded === undefined ? path : join(folder, verb.recorded);
  const acknowledged: Acknowledged[] = [{ at: 0, refs: refsOf(watched) }];
  const recorder = record(watched);
  if (verb.unsettled !== undefined) {
    await verb.unsettled(scene);
    recorder.catchUp();
    // What others have not synced may be lost or in pieces until something is acknowledged.
    acknowledged.pop();
  }
  for (const step of verb.steps) {
    await step(scene);
    acknowledged.push({ at: recorder.count(), refs: refsOf(watched) });
  }
  const recording = recorder.stop();
  await store.close();
  return { recording, acknowledged };
}

function refsOf(path: string): Refs {
  const refs = git(path, 'for-each-ref', '--format=%(refname) %(objectname)').split('\n');
  // What a deleted branch was, kept for a while: also of the one that `expectInOrder` deletes.
  return refs.filter((line) => !line.startsWith('refs/gitstore/deleted/')).join('\n');
}

/** What was acknowledged last, and what was about to be next. */
function allowedAt(acknowledged: readonly Acknowledged[], end: number): Refs[] {
  const last = acknowledged.findLastIndex(({ at }) => at <= end);
  return acknowledged.slice(last, last + 2).map(({ refs }) => refs);
}

async function expectInOrder(path: string, allowed: readonly Refs[], what: string): Promise<void> {
  try {
    expectClean(path);
    const store = await GitStore.open(path, { ...who, create: false });
    // The next change completes what was announced.
    await store.branches.set('after-the-crash', await store.branches.get('main'));
    await store.branches.delete('after-the-crash');
    expect(allowed).toContain(refsOf(path));
    await store.update('main', (tip) => tip.writeText('after', 'after\n'));
    expect((await store.verify()).faults).toEqual([]);
    await store.close();
    expectClean(path);
    expect(git(path, 'show', 'main:after')).toBe('after');
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

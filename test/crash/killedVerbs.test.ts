/**
 * Each verb killed at random moments, beside a live writer, Git pushes and collections. Whatever the
 * moment: Git finds the store in order, what was acknowledged is reachable, the verb has happened as a
 * whole or not at all, and the next process does its work without a manual step.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, type Program } from '../helpers/build.ts';
import { commitsOf, expectClean, git } from '../helpers/git.ts';
import { runProgram } from '../helpers/hosts.ts';
import { type Running, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { effort, seed, seededRandom } from './stress.ts';

const { count, timeout } = effort(1, 300);
const FILES = 40;
const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});

/** What the verbs of one test work on. */
interface Scene {
  readonly store: string;
  /** Beside the store: folders, a mirror. */
  readonly folder: string;
  readonly random: () => number;
}

interface Verb {
  readonly name: string;
  /** Makes what the verb needs, new for each round. */
  prepare?(scene: Scene, round: number): Promise<void>;
  /** What Node runs: the program, or a script of `children/`. */
  readonly script?: string;
  args(scene: Scene, round: number): string[];
  readonly input?: string;
  /** Throws unless the verb has happened as a whole or not at all. */
  check(scene: Scene, before: ReadonlyMap<string, string>): Promise<void>;
}

async function run(scene: Scene, ...args: string[]): Promise<void> {
  const end = await runProgram(program.cli, ['-r', scene.store, ...args], {
    timeout,
    input: 'text\n',
  });
  expect(end.code, `${args.join(' ')}: ${end.stderr}`).toBe(0);
}

function refsOf(store: string): Map<string, string> {
  const lines = git(store, 'for-each-ref', '--format=%(refname) %(objectname)').split('\n');
  return new Map(lines.filter(Boolean).map((line) => line.split(' ') as [string, string]));
}

/** The ref stands where it stood, or one commit further. */
function oneStep(ref: string) {
  return async ({ store }: Scene, before: ReadonlyMap<string, string>): Promise<void> => {
    const was = before.get(ref);
    const is = refsOf(store).get(ref);
    if (is === was || is === undefined) return expect(is).toBe(was);
    const parents = git(store, 'log', '-1', '--format=%P', is);
    expect(parents.split(' ')[0]).toBe(was ?? '');
  };
}

function fill({ folder, random }: Scene, name: string): void {
  for (let i = 0; i < FILES; i++) {
    const directory = join(folder, name, `d${i % 5}`);
    mkdirSync(directory, { recursive: true });
    const body = Buffer.alloc(4 + Math.floor(random() * 20_000));
    for (let at = 0; at + 4 <= body.length; at += 8) body.writeUInt32LE(random() * 2 ** 32, at);
    writeFileSync(join(directory, `f${i}`), body);
  }
}

/** A copy out that was killed is completed by the same command. */
async function completed(scene: Scene, ...args: string[]): Promise<void> {
  await run(scene, ...args);
  for (const path of git(scene.store, 'ls-tree', '-r', '--name-only', 'main:in').split('\n')) {
    const wanted = git(scene.store, 'rev-parse', `main:in/${path}`);
    expect(git(scene.store, 'hash-object', join(scene.folder, 'out', path))).toBe(wanted);
  }
}

const fillSource = async (scene: Scene): Promise<void> => fill(scene, 'source');
const storeSource = async (scene: Scene): Promise<void> => {
  fill(scene, 'source');
  await run(scene, 'sync', join(scene.folder, 'source'), ':in');
};
const out = (scene: Scene): string => join(scene.folder, 'out');
const mirror = (scene: Scene): string => join(scene.folder, 'mirror.git');

const verbs: Verb[] = [
  {
    name: 'write',
    args: (_, round) => ['write', `w/${round}`],
    check: oneStep('refs/heads/main'),
  },
  {
    name: 'write --tag',
    args: (_, round) => ['write', `w/${round}`, '--tag', `t${round}`],
    check: async (scene, before) => {
      const main = refsOf(scene.store).get('refs/heads/main');
      const tags = git(scene.store, 'tag', '--points-at', 'main');
      expect(tags.startsWith('t')).toBe(main !== before.get('refs/heads/main'));
    },
  },
  {
    name: 'cp in',
    prepare: fillSource,
    args: (scene, round) => ['cp', join(scene.folder, 'source'), `:copy${round}`],
    check: oneStep('refs/heads/main'),
  },
  {
    name: 'sync in',
    prepare: fillSource,
    args: (scene) => ['sync', join(scene.folder, 'source'), ':in'],
    check: oneStep('refs/heads/main'),
  },
  {
    name: 'cp out',
    prepare: async (scene) => {
      await storeSource(scene);
      rmSync(out(scene), { recursive: true, force: true });
    },
    args: (scene) => ['cp', ':in/', out(scene)],
    check: (scene) => completed(scene, 'cp', ':in/', out(scene)),
  },
  {
    name: 'sync out',
    prepare: storeSource,
    args: (scene) => ['sync', ':in', out(scene)],
    check: (scene) => completed(scene, 'sync', ':in', out(scene)),
  },
  {
    name: 'undo',
    prepare: (scene, round) => run(scene, 'write', `u/${round}`),
    args: () => ['undo'],
    check: async ({ store }, before) => {
      const tip = before.get('refs/heads/main')!;
      const parent = git(store, 'rev-parse', `${tip}^`);
      expect([tip, parent]).toContain(refsOf(store).get('refs/heads/main'));
    },
  },
  {
    name: 'branch set and delete',
    prepare: (scene, round) =>
      round % 2 === 0 || refsOf(scene.store).has('refs/heads/fork')
        ? Promise.resolve()
        : run(scene, 'branch', 'set', '-f', 'fork', 'main'),
    args: (_, round) =>
      round % 2 === 0 ? ['branch', 'set', '-f', 'fork', 'main'] : ['branch', 'delete', 'fork'],
    check: async ({ store }, before) => {
      const values = [undefined, before.get('refs/heads/fork'), before.get('refs/heads/main')];
      expect(values).toContain(refsOf(store).get('refs/heads/fork'));
    },
  },
  {
    name: 'note set',
    args: (_, round) => ['note', 'set', 'main', `note ${round}`],
    check: oneStep('refs/notes/commits'),
  },
  {
    name: 'notes batch',
    script: 'notes-batch.mjs',
    args: ({ store }, round) => [program.library, store, `batch ${round}`],
    check: async (scene, before) => {
      await oneStep('refs/notes/commits')(scene, before);
      const was = before.get('refs/notes/commits');
      const is = refsOf(scene.store).get('refs/notes/commits');
      if (is === was) return;
      const changed = git(scene.store, 'diff-tree', '-r', '--name-only', was ?? emptyTree, is!);
      const commits = git(scene.store, 'log', '--first-parent', '--format=%H', '-10', 'main');
      expect(changed.split('\n').filter(Boolean)).toHaveLength(commits.trim().split('\n').length);
    },
  },
  {
    name: 'restore',
    prepare: async (scene, round) => {
      const other = { ...scene, store: join(scene.folder, 'other.git') };
      await run(other, 'write', `r/${round}`, '-m', 'one');
      for (const name of ['r1', 'r2', 'r3']) await run(other, 'branch', 'set', '-f', name, 'main');
    },
    args: (scene) =>
      ['restore', join(scene.folder, 'other.git')].concat(
        ...['r1', 'r2', 'r3'].map((name) => ['--ref', name]),
      ),
    check: async (scene, before) => {
      // The next writer completes what a dead one has begun.
      await run(scene, 'write', 'after');
      const now = refsOf(scene.store);
      const moved = ['r1', 'r2', 'r3'].map(
        (name) => now.get(`refs/heads/${name}`) !== before.get(`refs/heads/${name}`),
      );
      expect(new Set(moved).size).toBe(1);
    },
  },
  {
    name: 'backup',
    prepare: (scene, round) => run(scene, 'write', `b/${round}`),
    args: (scene) => ['backup', mirror(scene), '--ref', 'main'],
    check: async (scene) => {
      if (existsSync(join(mirror(scene), 'HEAD'))) expectClean(mirror(scene));
      await run(scene, 'backup', mirror(scene), '--ref', 'main');
      const main = git(scene.store, 'rev-parse', 'main');
      expect(git(mirror(scene), 'rev-parse', 'main')).toBe(main);
    },
  },
  ...['gc', 'pack'].map(
    (name): Verb => ({
      name,
      prepare: async (scene, round) => {
        await storeSource(scene);
        await run(scene, 'write', `g/${round}`);
      },
      args: () => [name],
      check: oneStep('refs/heads/main'),
    }),
  ),
];

/** Without the switch only those that do the most steps: to make a scene takes seconds. */
const usual = ['write --tag', 'sync in', 'cp out', 'restore', 'gc'];
const tried = count === 1 ? verbs.filter(({ name }) => usual.includes(name)) : verbs;

describe.each(tried)('$name', ({ name, prepare, script, args, check }) => {
  test(`killed ${count} times (seed ${seed})`, { timeout }, async () => {
    const folder = scratchFolder();
    const random = seededRandom(seed + name.length);
    const scene: Scene = { store: join(folder, 'store.git'), folder, random };
    await run(scene, 'init');
    await run(scene, 'write', 'first');
    git(scene.store, 'config', 'gc.auto', '0');
    git(scene.store, 'branch', 'live', 'main');
    const work = join(folder, 'work');
    git(scene.store, 'clone', '-q', '--bare', scene.store, work);

    const live: Running = startNode(
      [
        join(import.meta.dirname, 'children', 'commit-loop.mjs'),
        program.library,
        ...[scene.store, 'live', 'live', '1000000', '100'],
      ],
      { timeout },
    );
    // `ready`, and the first commit that is acknowledged.
    let lines = 0;
    const isLive = new Promise<void>((resolve) => {
      live.process.stdout?.on('data', (chunk: Buffer) => {
        lines += chunk.toString().split('\n').length - 1;
        if (lines >= 2) resolve();
      });
    });
    await Promise.race([isLive, live.finished]);
    let duration = 150;
    let killed = 0;
    try {
      for (let round = 0; round < count; round++) {
        await prepare?.(scene, round);
        const before = refsOf(scene.store);
        const began = performance.now();
        const command =
          script === undefined
            ? [program.cli, '-r', scene.store]
            : [join(import.meta.dirname, 'children', script)];
        const victim = startNode([...command, ...args(scene, round)], { timeout, input: 'text\n' });
        await Promise.race([sleep(random() * duration * 1.1), victim.finished]);
        victim.process.kill('SIGKILL');
        const end = await victim.finished;
        if (end.code === 0) duration = performance.now() - began;
        else killed++;
        await check(scene, before);
        await run(scene, 'write', `next/${round}`);
        if ((round + name.length) % 4 === 1) await run(scene, 'gc');
        if ((round + name.length) % 4 === 0)
          git(work, 'push', '-q', 'origin', `HEAD:refs/heads/pushed${round}`);
      }
    } finally {
      live.process.kill('SIGKILL');
    }
    const acknowledged = (await live.finished).stdout.toString().split('\n').slice(1, -1);
    expectClean(scene.store);
    const reachable = new Set(commitsOf(scene.store, 'live'));
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.filter((id) => !reachable.has(id))).toEqual([]);
    expect(readFileSync(join(scene.store, 'HEAD'), 'utf8')).toBe('ref: refs/heads/main\n');
    if (count > 1) {
      console.info(`${name}: ${killed} of ${count} killed, ${acknowledged.length} commits beside`);
    }
  });
});

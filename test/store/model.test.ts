import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChangeReport, type FS, GitStore } from '../../src/index.ts';
import { runs } from '../crash/stress.ts';
import { expectClean, git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { createBucket } from '../storage/places.ts';
import {
  changesBetween,
  codeOf,
  type Model,
  modelOf,
  type Operation,
  operations,
  perform,
  performOn,
} from './model.ts';
import { currentOf, memoryStore, steadyOptions } from './stores.ts';

/** Carries all operations out on both and compares after each. Gives the last state. */
async function compare(first: FS, steps: readonly Operation[]): Promise<{ fs: FS; model: Model }> {
  let fs = first;
  const states: Model[] = [new Map()];
  for (const step of steps) {
    const before = states.at(-1)!;
    if (step.kind === 'undo') {
      if (states.length === 1) {
        expect(await codeOf(fs.undo())).toBe('ENOREF');
        continue;
      }
      states.pop();
      fs = await fs.undo();
    } else {
      const expected = attempt(() => perform(before, step));
      if (expected.code !== undefined) {
        expect(await codeOf(performOn(fs, step, before))).toBe(expected.code);
        continue;
      }
      const changes = changesBetween(before, expected.model!);
      const total = changes.add.length + changes.update.length + changes.delete.length;
      const next = await performOn(fs, step, before);
      expect(pathsOf(next.changes)).toEqual(changes);
      if (total === 0) expect(next.commitHash).toBe(fs.commitHash);
      else {
        expect(next.parentHashes).toEqual([fs.commitHash]);
        states.push(expected.model!);
      }
      fs = next;
    }
    expect(await modelOf(fs)).toEqual(new Map([...states.at(-1)!]));
  }
  return { fs, model: states.at(-1)! };
}

function attempt(work: () => Model): { model?: Model; code?: string } {
  try {
    return { model: work() };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { code: String(error.code) };
    throw error;
  }
}

function pathsOf(changes: ChangeReport | null) {
  const paths = (list: readonly { path: string }[] = []) => list.map(({ path }) => path).sort();
  return {
    add: paths(changes?.add),
    update: paths(changes?.update),
    delete: paths(changes?.delete),
  };
}

describe('random operations', () => {
  it('do in memory what they do to a map of paths', async () => {
    await fc.assert(
      fc.asyncProperty(operations, async (steps) => {
        await compare(await currentOf(await memoryStore()), steps);
      }),
      { numRuns: runs(400) },
    );
  });

  it('do in a bucket what they do to a map of paths', async () => {
    await fc.assert(
      fc.asyncProperty(operations, async (steps) => {
        await using store = await GitStore.over(await createBucket(), steadyOptions());
        await compare(await currentOf(store), steps);
      }),
      { numRuns: runs(25) },
    );
  });

  it('leave a repository that Git reads the same', async () => {
    const folder = scratchFolder();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(operations, async (steps) => {
        const path = `${folder}/${count++}.git`;
        await using store = await GitStore.open(path, { ...steadyOptions(), durability: 'fast' });
        const { fs, model } = await compare(await currentOf(store), steps);
        expectClean(path);
        expect(git(path, 'rev-parse', 'main')).toBe(fs.commitHash);
        const listed = gitBytes(path, ['ls-tree', '-r', '-z', '--name-only', 'main']);
        const names = [...model.keys()].map((name) => Buffer.from(bytesOf(name)));
        names.sort(Buffer.compare);
        expect(listed).toEqual(Buffer.concat(names.flatMap((name) => [name, Buffer.of(0)])));
      }),
      { numRuns: 15 },
    );
  });
});

/** The model's names have no other escape than that of the byte FF. */
function bytesOf(path: string): Buffer {
  const parts = path.split('\udcff').map((part) => Buffer.from(part));
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.of(0xff), part])));
}

/** What only earlier commits hold is found on every line of a history, merged ones too. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { runs } from '../crash/stress.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const names = ['a', 'b', 'd/a', 'd/e/c'];
const step = fc.record({
  parents: fc.array(fc.nat(), { maxLength: 3 }),
  files: fc.array(fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }), {
    minLength: names.length,
    maxLength: names.length,
  }),
  time: fc.nat(1000),
});

const history = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  /** Whether every commit is newer than those before it. */
  inOrder: fc.boolean(),
  /** The commit up to which there is a commit-graph; none beyond the last one. */
  graph: fc.nat(20),
});

test('find and grep through a history see all that any commit holds, each once', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ steps, inOrder, graph }) => {
      const path = join(scratchFolder(), 's.git');
      git(path, 'init', '-q', '--bare');
      const lines: string[] = [];
      const above: Set<number>[] = [];
      for (const [at, { parents, files, time }] of steps.entries()) {
        const own = at === 0 ? [] : [...new Set([at - 1, ...parents.map((n) => n % at)])];
        above.push(new Set([at, ...own.flatMap((n) => [...above[n]!])]));
        lines.push(`commit refs/heads/c${at}`, `mark :${at + 1}`);
        lines.push(`committer A <a@x> ${1_700_000_000 + (inOrder ? at : time)} +0000`);
        lines.push('data 1', 'm');
        for (const [i, n] of own.entries()) lines.push(`${i === 0 ? 'from' : 'merge'} :${n + 1}`);
        lines.push('deleteall');
        for (const [i, text] of files.entries()) {
          if (text !== undefined) lines.push(`M 100644 inline ${names[i]}`, 'data 1', text);
        }
      }
      gitBytes(path, ['fast-import', '--quiet'], Buffer.from(`${lines.join('\n')}\n`));
      if (graph < steps.length) {
        const list = Buffer.from(git(path, 'rev-parse', `c${graph}`));
        gitBytes(path, ['commit-graph', 'write', '--stdin-commits'], list);
      }
      const store = await GitStore.open(path, { create: false });
      const last = steps.length - 1;
      /** The newest commit that holds each version, where they are in order. */
      const held = new Map<string, number>();
      for (const at of [...above[last]!].sort((a, b) => a - b)) {
        for (const [i, text] of steps[at]!.files.entries()) {
          if (text !== undefined) held.set(`${names[i]} ${text}`, at);
        }
      }
      const hashes = new Map<string, number>();
      const tips = git(path, 'for-each-ref', '--format=%(objectname) %(refname:lstrip=2)');
      for (const [, hash, at] of tips.matchAll(/(\S+) c(\d+)/g)) hashes.set(hash!, Number(at));
      const fs = await store.branches.get(`c${last}`);
      const versions = new Map<string, number>();
      for await (const match of fs.grep('', { history: true })) {
        const version = `${match.path} ${match.lines[0]?.text}`;
        expect(versions.has(version)).toBe(false);
        const at = hashes.get(match.commitHash)!;
        expect(steps[at]!.files[names.indexOf(match.path)]).toBe(match.lines[0]?.text);
        versions.set(version, inOrder ? at : held.get(version)!);
      }
      expect(versions).toEqual(held);
      for (const place of ['d', 'd/a', 'd/e', 'none']) {
        const below: string[] = [];
        for await (const match of fs.grep('', { path: place, history: true })) {
          below.push(`${match.path} ${match.lines[0]?.text}`);
        }
        const all = [...held.keys()].filter((one) => /^[^ ]*/.exec(one)![0].startsWith(place));
        expect(below.sort()).toEqual(all.sort());
      }
      const paths = new Map<string, number>();
      for await (const { path: found, commitHash } of fs.find('**', { history: true })) {
        expect(paths.has(found)).toBe(false);
        paths.set(found, hashes.get(commitHash)!);
      }
      const wanted = new Map<string, number>();
      for (const [version, at] of held) {
        const [name] = version.split(' ') as [string];
        wanted.set(name, Math.max(at, wanted.get(name) ?? 0));
      }
      expect([...paths.keys()].sort()).toEqual([...wanted.keys()].sort());
      if (inOrder) expect(paths).toEqual(wanted);
      const now: string[] = [];
      for await (const { path: found } of fs.find('**')) now.push(found);
      expect(now.sort()).toEqual((await fs.ls('', { recursive: true })).sort());
      await store.close();
    }),
    { numRuns: runs(60) },
  );
});

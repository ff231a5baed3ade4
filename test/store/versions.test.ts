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

test('find and grep through a history see all that any commit holds, each once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const path = join(scratchFolder(), 's.git');
      git(path, 'init', '-q', '--bare');
      const lines: string[] = [];
      const above: Set<number>[] = [];
      for (const [at, { parents, files, time }] of steps.entries()) {
        const own = at === 0 ? [] : [...new Set([at - 1, ...parents.map((n) => n % at)])];
        above.push(new Set([at, ...own.flatMap((n) => [...above[n]!])]));
        lines.push(`commit refs/heads/c${at}`, `mark :${at + 1}`);
        lines.push(`committer A <a@x> ${1_700_000_000 + time} +0000`, 'data 1', 'm');
        for (const [i, n] of own.entries()) lines.push(`${i === 0 ? 'from' : 'merge'} :${n + 1}`);
        lines.push('deleteall');
        for (const [i, text] of files.entries()) {
          if (text !== undefined) lines.push(`M 100644 inline ${names[i]}`, 'data 1', text);
        }
      }
      gitBytes(path, ['fast-import', '--quiet'], Buffer.from(`${lines.join('\n')}\n`));
      const store = await GitStore.open(path, { create: false });
      const last = steps.length - 1;
      const held = new Set<string>();
      for (const at of above[last]!) {
        for (const [i, text] of steps[at]!.files.entries()) {
          if (text !== undefined) held.add(`${names[i]} ${text}`);
        }
      }
      const fs = await store.branches.get(`c${last}`);
      const versions: string[] = [];
      for await (const match of fs.grep('', { history: true })) {
        versions.push(`${match.path} ${match.lines[0]?.text}`);
        const snapshot = await store.fs(match.commitHash);
        expect(await snapshot.readText(match.path)).toBe(match.lines[0]?.text);
      }
      expect(versions.sort()).toEqual([...held].sort());
      const paths: string[] = [];
      for await (const { path: found } of fs.find('**', { history: true })) paths.push(found);
      const wanted = [...new Set([...held].map((one) => one.split(' ')[0]))];
      expect(paths.sort()).toEqual(wanted.sort());
      const now: string[] = [];
      for await (const { path: found } of fs.find('**')) now.push(found);
      expect(now.sort()).toEqual((await fs.ls('', { recursive: true })).sort());
      await store.close();
    }),
    { numRuns: runs(150) },
  );
});

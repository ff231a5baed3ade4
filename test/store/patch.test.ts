/** Patches by lines: Git applies them, and they say what `git diff` says of files as a whole. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FS, GitStore, patchBytes } from '../../src/index.ts';
import { runs } from '../crash/stress.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const line = fc.constantFrom('a', 'b', 'c', '', 'x y', '\\ No newline', 'ü', '-', '+++ z');
const text = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.boolean())
  .map(([lines, ends]) => lines.join('\n') + (ends && lines.length > 0 ? '\n' : ''));
const name = fc.constantFrom('f', 'with blank', 'd/g', 'tab\there', '"q"', 'ünï', 'back\\slash');
const files = fc.dictionary(name, fc.oneof(text, fc.constant('\0bin'), fc.constant('\0other')), {
  maxKeys: 5,
});

async function commit(fs: FS, content: Record<string, string>): Promise<FS> {
  return fs.batch({ message: 'x' }, async (batch) => {
    for (const path of await fs.ls('', { recursive: true })) await batch.remove(path);
    for (const [path, data] of Object.entries(content)) {
      await batch.writeText(path, data, { mode: data.length % 3 === 1 ? 'executable' : 'blob' });
    }
  });
}

test('Git applies every patch, and counts the same lines', async () => {
  const base = scratchFolder();
  const store = await GitStore.open(join(base, 'data.git'), { durability: 'fast' });
  const start = await store.branches.get('main');
  let count = 0;
  await fc.assert(
    fc.asyncProperty(files, files, async (one, two) => {
      const tip = await store.branches.set(`t${count++}`, start);
      const before = await commit(tip, one);
      const after = await commit(before, two);
      const parts: Uint8Array[] = [];
      const binary: string[] = [];
      for await (const patch of before.patches(after)) {
        if (patch.isBinary) binary.push(patch.path);
        else parts.push(patchBytes(patch));
      }
      const file = join(base, 'p');
      writeFileSync(file, Buffer.concat(parts));
      const run = (...args: string[]) => git(store.path, ...args);
      run('read-tree', before.commitHash);
      if (parts.length > 0) run('apply', '--cached', '--whitespace=nowarn', file);
      for (const path of binary) {
        const next = await after.exists(path);
        if (!next) run('rm', '-q', '--cached', path);
        else {
          const { mode, hash } = await after.stat(path);
          run('update-index', '--add', '--cacheinfo', `${mode.toString(8)},${hash},${path}`);
        }
      }
      expect(run('write-tree').trim()).toBe(after.treeHash);
    }),
    { numRuns: runs(100) },
  );
  await store.close();
});

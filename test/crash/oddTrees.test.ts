/**
 * Trees that no Git makes: odd modes, names that are none, entries unsorted, doubled or cut short. Every
 * way to read one gives a sane answer or a typed error, and writes nothing outside.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FS, type GitStore, GitStoreError } from '../../src/index.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { commitTree, openStore, rawEntry } from './rawTrees.ts';
import { effort } from './stress.ts';

const { count, timeout } = effort(50, 20_000);

const mode = fc.constantFrom(
  '100644',
  '100755',
  '120000',
  '40000',
  '040000',
  '160000',
  '0',
  '100664',
  '777777',
  '99',
  '-1',
  '',
  '1e9',
  '100644 ',
);
const name = fc.oneof(
  fc.constantFrom('a', 'b', 'a/b', '', '.', '..', '.git', '.GIT', '../x', '/etc', 'a\n', 'git~1'),
  fc.constantFrom('.gitmodules', '.gitignore', 'con', 'x'.repeat(300)),
  fc
    .uint8Array({ minLength: 1, maxLength: 6 })
    .map((bytes) => Buffer.from(bytes).toString('latin1')),
);

interface Odd {
  readonly entries: readonly (readonly [mode: string, name: string, to: number])[];
  readonly cut: number;
  readonly tail: string;
}

const odd: fc.Arbitrary<Odd> = fc.record({
  entries: fc.array(fc.tuple(mode, name, fc.nat(3)), { maxLength: 6 }),
  cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(12)),
  tail: fc.constantFrom('', '', '', 'x', '100644 ', '\0'),
});

async function drain(found: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of found);
}

function waysToRead(store: GitStore, fs: FS, good: FS, folder: string) {
  let run = 0;
  const fresh = (): string => join(folder, `out${run++}`);
  return {
    ls: () => fs.ls('', { recursive: true }),
    listdir: () => fs.listdir(),
    walk: () => drain(fs.walk()),
    glob: () => fs.glob('**'),
    stat: () => fs.stat('a'),
    read: () => fs.read('a'),
    below: () => fs.read('a/b'),
    diff: () => drain(good.diff(fs)),
    patches: () => drain(fs.patches(good)),
    grep: () => drain(fs.grep('x', { history: true })),
    find: () => drain(fs.find('*')),
    log: () => drain(fs.log({ path: 'a' })),
    copyOut: () => fs.copyOut('/', `${fresh()}/`),
    lenient: () => fs.copyOut('/', `${fresh()}/`, { ignoreErrors: true }),
    syncOut: () => fs.syncOut('', fresh()),
    copyFromRef: () => good.copyFromRef(fs, 'a', 'copy', { dryRun: true }),
    merge: () => good.merge(fs, { dryRun: true }),
    write: () => fs.writeText('new', 'x'),
    remove: () => fs.remove('a', { recursive: true, dryRun: true }),
    move: () => fs.move('a', 'moved', { recursive: true, dryRun: true }),
    zip: () => fs.archiveOut(new WritableStream(), { format: 'zip' }),
    tar: () => fs.archiveOut(new WritableStream(), { format: 'tar' }),
    verify: () => store.verify(),
  };
}

test('nothing takes them for more than they are', { timeout }, async () => {
  const base = scratchFolder();
  const { store, storage } = await openStore(join(base, 's.git'));
  const start = await store.branches.get('main');
  const good = await start.batch({}, async (batch) => {
    await batch.writeText('a', 'one x\n');
    await batch.writeText('b/c', 'two\n');
  });
  const folder = join(base, 'work');
  writeFileSync(join(base, 'outside'), 'theirs');
  const kinds = [
    await good.objectHash('a'),
    await good.objectHash('b'),
    good.treeHash,
    '1234'.repeat(10),
  ];
  let round = 0;
  await fc.assert(
    fc.asyncProperty(odd, async ({ entries, cut, tail }) => {
      const raw = Buffer.concat([
        ...entries.map(([mode, name, to]) =>
          rawEntry(mode, Buffer.from(name, 'latin1'), kinds[to]!),
        ),
        Buffer.from(tail, 'latin1'),
      ]);
      const writer = storage.objects.writer();
      const tree = await writer.write('tree', raw.subarray(0, raw.length - cut));
      await writer.finish();
      const branch = `t${round++}`;
      await store.branches.set(branch, good);
      await commitTree(storage, tree, branch);
      const fs = await store.branches.get(branch);
      for (const [way, read] of Object.entries(waysToRead(store, fs, good, folder))) {
        if (way === 'verify' && round % 20 !== 0) continue;
        try {
          await read();
        } catch (error) {
          // A name may hold a line end; the command line escapes it.
          const told = { way, is: error instanceof GitStoreError, text: String(error) };
          expect(told).toEqual({ ...told, is: true });
        }
      }
      expect(readdirSync(base).sort()).toEqual(
        ['outside', 's.git', ...(existsSync(folder) ? ['work'] : [])].sort(),
      );
    }),
    { numRuns: count },
  );
  await store.close();
});

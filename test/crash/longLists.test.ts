/** Directories, files and changes with more items than a call of a function takes arguments. */
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { createBucketStorage } from '../../src/storage/bucket/bucketStorage.ts';
import { MemoryBucket } from '../../src/storage/bucket/engine/memoryBucket.ts';
import { buildProgram } from '../helpers/build.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { runProgram } from '../helpers/hosts.ts';
import { scratchFolder } from '../helpers/scratch.ts';

/** Node 20 to 26 fail from some 120,000 on. */
const COUNT = 130_000;

let cli: string;
let path: string;

beforeAll(async () => {
  ({ cli } = await buildProgram());
  path = join(scratchFolder(), 'store.git');
  const store = await GitStore.open(path, { durability: 'fast' });
  await store.close();
  const blob = gitBytes(path, ['hash-object', '-w', '--stdin'], Buffer.from('1\n'));
  const entry = (name: string) => `100644 blob ${blob.toString().trim()}\t${name}\n`;
  const entries = Array.from({ length: COUNT }, (_, i) => entry(`f${i}`)).join('');
  const wide = gitBytes(path, ['mktree'], Buffer.from(entries)).toString().trim();
  const long = gitBytes(
    path,
    ['hash-object', '-w', '--stdin'],
    Buffer.from('line\n'.repeat(COUNT)),
  );
  const tree = `100644 blob ${long.toString().trim()}\tlong\n040000 tree ${wide}\twide\n`;
  const root = gitBytes(path, ['mktree'], Buffer.from(tree)).toString().trim();
  const commit = git(path, 'commit-tree', root, '-p', 'main', '-m', 'wide');
  git(path, 'update-ref', 'refs/heads/main', commit);
}, 180_000);

async function run(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runProgram(cli, ['-r', path, ...args], {
    timeout: 60_000,
  });
  expect([code, stderr]).toEqual([0, '']);
  return stdout.toString().trimEnd().split('\n');
}

test('each line of a very long file has its commit', async () => {
  expect(await run('blame', ':long')).toHaveLength(COUNT);
});

test('a directory of very many files is kept in a bucket, collected and checked', async () => {
  const storage = await createBucketStorage(new MemoryBucket(), {
    cache: { folder: scratchFolder() },
    sweepInterval: 0,
  });
  await using store = await GitStore.over(storage, { branch: null });
  await store.restore(path);
  const fs = await store.branches.get('main');
  await fs.write('wide/f1', '2\n');
  await store.gc();
  expect((await store.verify()).faults).toEqual([]);
  expect((await store.forget(['wide/f1'])).moved.size).toBeGreaterThan(0);
});

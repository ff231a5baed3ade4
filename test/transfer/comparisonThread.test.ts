/** The second thread of a scan of a large folder: what it marks as unchanged is unchanged. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GitStore, Workspace } from '../../src/index.ts';
import { ComparisonThread } from '../../src/transfer/record/comparisonThread.ts';
import { StatRecord } from '../../src/transfer/record/statRecord.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const DIRECTORIES = 41;
const FILES = 100;

// First: later there is a thread already.
test('where the system allows no thread, the caller looks at all itself', async () => {
  const base = scratchFolder();
  const folder = join(base, 'folder');
  mkdirSync(folder);
  for (let f = 0; f < 4100; f++) writeFileSync(join(folder, `${f}`), '');
  await using store = await GitStore.open(join(base, 'store.git'), { durability: 'fast' });
  await using work = await Workspace.open(folder, { store });
  await work.checkpoint();
  await sleep(150);
  await work.checkpoint();
  await work.changes();
  const threads = process.getBuiltinModule('node:worker_threads');
  const { Worker } = threads;
  threads.Worker = class {
    constructor() {
      throw Object.assign(new Error('no permission'), { code: 'ERR_ACCESS_DENIED' });
    }
  } as unknown as typeof Worker;
  try {
    writeFileSync(join(folder, '7'), 'other');
    expect((await work.changes()).entries.map(({ path }) => path)).toEqual(['7']);
  } finally {
    threads.Worker = Worker;
  }
});

test('it marks all that is unchanged in a large folder, and nothing else', async () => {
  const base = scratchFolder();
  const folder = join(base, 'folder');
  for (let d = 0; d < DIRECTORIES; d++) {
    const directory = join(folder, `d${d}`, 'ü');
    mkdirSync(directory, { recursive: true });
    for (let f = 0; f < FILES; f++) writeFileSync(join(directory, `${f}`), `${f}`);
  }
  await using store = await GitStore.open(join(base, 'store.git'), { durability: 'fast' });
  await using work = await Workspace.open(folder, { store, exclude: ['d3/'] });
  await work.checkpoint();
  // Until the times of the files prove something.
  await sleep(150);
  await work.checkpoint();
  await work.changes();

  writeFileSync(join(folder, 'd1/ü/1'), 'other');
  rmSync(join(folder, 'd2/ü/2'));
  writeFileSync(join(folder, 'd5/ü/new'), 'new');
  renameSync(join(folder, 'd6/ü'), join(folder, 'd6/v'));
  rmSync(join(folder, 'd7/ü/7'));
  symlinkSync('8', join(folder, 'd7/ü/7'));
  if (process.platform !== 'win32') chmodSync(join(folder, 'd8/ü/8'), 0o755);
  const { atime, mtime } = statSync(join(folder, 'd9/ü/9'));
  writeFileSync(join(folder, 'd9/ü/9'), '8');
  utimesSync(join(folder, 'd9/ü/9'), atime, mtime);

  const record = readRecord(store.path);
  const device = statSync(folder).dev;
  const thread = ComparisonThread.start(folder, record.columns, { device, follow: false })!;
  while (!thread.hasDone(1)) await sleep(5);
  const changed: string[] = [];
  let same = 0;
  for (let directory = 1; directory < record.directoryCount; directory++) {
    expect(thread.hasDone(directory)).toBe(true);
    const first = record.firstEntry(directory);
    for (const [i, name] of record.names(directory).entries()) {
      const entry = first + i;
      if (thread.isSameFile(entry) || thread.isSameDirectory(entry)) same++;
      else changed.push(`${nameOf(record, directory)}/${name}`);
    }
  }
  // Directories whose names have changed are among them: their names must be read.
  const expected = ['d1/ü/1', 'd2/ü', 'd2/ü/2', 'd5/ü', 'd6/ü', 'd7/ü', 'd7/ü/7', 'd9/ü/9'];
  if (process.platform !== 'win32') expected.push('d8/ü/8');
  for (let f = 0; f < FILES; f++) expected.push(`d6/ü/${f}`);
  expect(changed.sort()).toEqual(expected.sort());
  expect(same).toBeGreaterThan(3900);

  const kinds = (await work.changes()).entries.map(({ kind, path }) => `${kind} ${path}`);
  const moved = Array.from({ length: FILES }, (_, f) => [
    `deleted d6/ü/${f}`,
    `added d6/v/${f}`,
  ]).flat();
  const others = ['modified d1/ü/1', 'deleted d2/ü/2', 'added d5/ü/new', 'type d7/ü/7'];
  others.push('modified d9/ü/9', ...(process.platform === 'win32' ? [] : ['modified d8/ü/8']));
  expect(kinds.sort()).toEqual([...moved, ...others].sort());
});

function readRecord(store: string): StatRecord {
  const folder = join(store, 'gitstore');
  const [name] = readdirSync(folder).filter((file) => file.startsWith('memo-stat-'));
  return StatRecord.parse(readFileSync(join(folder, name!)))!;
}

/** The path of a recorded directory. */
function nameOf(record: StatRecord, directory: number): string {
  if (directory === 0) return '';
  const above = record.above(directory);
  const name = record.names(above)[record.entryOf(directory) - record.firstEntry(above)]!;
  return above === 0 ? name : `${nameOf(record, above)}/${name}`;
}

/**
 * A store on object storage (versitygw on loopback) with a long history: requests and bytes of what a machine
 * with an empty cache reads, and CPU time of a clone from gitserve beside that of a bare repository.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { countGitstore, cpuOfGitserve, newMachine, withEngine } from '../lib/bucket.mjs';
import { checkFsck } from '../lib/check.mjs';
import { deepHistory } from '../lib/history.mjs';
import { assertEqual, output, pair, timeGit, withScratch } from '../lib/measure.mjs';
import { millionObjects } from '../lib/millionObjects.mjs';
import { limitRow, ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 40.5;
export const name = 'bucket-history';
export const title = 'a long history on object storage: requests of cold reads; clone / bare';

const MB = 1e6;

export async function run({ runs = 3 }, emit) {
  await withScratch(async (scratch) => {
    const why = await withEngine(scratch, async (engine) => {
      const bench = { engine, scratch, emit, runs };
      await history(bench);
      await coldCat(bench);
    });
    if (why !== undefined) emit(skippedRow('a long history on object storage', why));
  });
}

async function coldCat({ engine, scratch, emit }) {
  const bare = await millionObjects();
  const store = `s3://${engine.bucket}/million`;
  await countGitstore(['-r', bare, 'backup', store], scratch, {
    env: newMachine(engine, scratch, 'writer'),
  });
  const file = join(scratch, 'file');
  const path = 'dir34/file1234';
  const cat = await countGitstore(['-r', store, 'cat', path], scratch, {
    env: newMachine(engine, scratch, 'reader'),
    stdout: file,
  });
  assertEqual(
    readFileSync(file, 'utf8'),
    output('git', ['--git-dir', bare, 'cat-file', 'blob', `main:${path}`]),
    'the file',
  );
  const objects = /in-pack: (\d+)/.exec(
    output('git', ['--git-dir', bare, 'count-objects', '-v']),
  )[1];
  const index = 1072 + 28 * Number(objects);
  emit(
    limitRow(
      'requests of a cold cat in 1,000,000 objects',
      cat.all,
      '',
      5,
      requestsOf(cat.requests),
    ),
  );
  emit(
    limitRow(
      'MB of it beside the index',
      (cat.received - index) / MB,
      'MB',
      2,
      `index ${index} bytes`,
    ),
  );
}

async function history({ engine, scratch, emit, runs }) {
  const made = await deepHistory();
  // As gitstore leaves a repository: without Git's bitmaps.
  const bare = join(scratch, 'bare.git');
  cpSync(made, bare, { recursive: true, filter: (path) => !path.endsWith('.bitmap') });
  const store = `s3://${engine.bucket}/history`;
  const writer = newMachine(engine, scratch, 'writer');
  await countGitstore(['-r', bare, 'backup', store], scratch, { env: writer });
  await countGitstore(['-r', store, 'gc'], scratch, { env: writer });
  const stdout = join(scratch, 'log');
  const env = newMachine(engine, scratch, 'reader');
  const log = await countGitstore(['-r', store, 'log'], scratch, { env, stdout });
  const lines = readFileSync(stdout, 'utf8').trimEnd().split('\n').length;
  const expected = output('git', [
    '--git-dir',
    bare,
    'rev-list',
    '--first-parent',
    '--count',
    'main',
  ]);
  assertEqual(lines, Number(expected), 'commits in the log');
  emit(
    limitRow('requests of a cold log of 40,000 commits', log.all, '', 12, requestsOf(log.requests)),
  );

  const copy = join(scratch, 'copy.git');
  const clone = async (url) => {
    rmSync(copy, { recursive: true, force: true });
    await timeGit(['clone', '-q', '--bare', url, copy]);
  };
  const served = await pair(
    runs,
    () => cpuOfGitserve(store, scratch, writer, clone),
    () => cpuOfGitserve(bare, scratch, {}, clone),
  );
  checkFsck(copy);
  const note = 'rival: the same of a bare repository';
  emit(ratioRow('git clone from gitserve, warm, CPU time of the server', served, 'ms', 1.2, note));
}

function requestsOf(requests) {
  return requests
    .map(({ verb, key, received }) => `${verb} ${key.slice(0, 4)} ${received}`)
    .join(', ');
}

/**
 * A store on an object storage that is far away: versitygw on loopback behind a proxy that adds 20 ms to each
 * request. Wall time; what is far costs as many times 20 ms as requests wait for each other.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { countGitstore, newMachine, runOn, withEngine } from '../lib/bucket.mjs';
import { checkSameFolders } from '../lib/check.mjs';
import { countingProxy } from '../lib/countingProxy.mjs';
import { realTree } from '../lib/input.mjs';
import { pair, timeGitstore, withScratch } from '../lib/measure.mjs';
import { ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 43;
export const name = 'bucket-far';
export const title = 'a store on object storage that is 20 ms away: wall time';

const DELAY = 20;

export async function run({ runs = 1 }, emit) {
  await withScratch(async (scratch) => {
    const why = await withEngine(scratch, async (near) => {
      const proxy = await countingProxy(near.endpoint, DELAY);
      const engine = { ...near, env: { ...near.env, AWS_ENDPOINT_URL_S3: proxy.endpoint } };
      try {
        const bench = { engine, scratch, emit, runs };
        await sessions(bench);
        await trees(bench);
      } finally {
        await proxy.close();
      }
    });
    if (why !== undefined) emit(skippedRow('a store on object storage that is far away', why));
  });
}

/** Works of a library that stays open. */
async function sessions({ engine, scratch, emit }) {
  const env = newMachine(engine, scratch, 'sessions');
  const counts = await runOn(env, 'bucket-requests.mjs', [`s3://${engine.bucket}/sessions`]);
  const works = {
    'a small commit': counts.small,
    'a larger one': counts.large,
    '200 updates at once': counts.together,
    'resolving a ref that has not moved': counts.unmoved,
    'a read from a held snapshot': counts.held,
  };
  for (const [work, { ms, all }] of Object.entries(works)) {
    emit({ kind: 'info', work, ours: ms, unit: 'ms', note: `${all} requests` });
  }
}

/** Whole processes. */
async function trees({ engine, scratch, emit, runs }) {
  const { tree, files } = realTree();
  let count = 0;
  let store;
  const gitstore = (args, env) => timeGitstore(args, { env });
  const plain = async (verb, file) =>
    (await runOn(engine.env, 's3-plain.mjs', [verb, engine.bucket, 'plain', file])).ms;
  const bare = join(scratch, 'bare.git');
  const folders = { out: join(scratch, 'out'), rival: join(scratch, 'rival') };
  const empty = () => {
    for (const folder of Object.values(folders)) rmSync(folder, { recursive: true, force: true });
  };

  const inward = await pair(
    runs,
    async () => {
      store = `s3://${engine.bucket}/tree${++count}`;
      const env = newMachine(engine, scratch, 'writer');
      await gitstore(['-r', store, 'init'], env);
      return await gitstore(['-r', store, 'cp', `${tree}/`, ':'], env);
    },
    async () => {
      rmSync(bare, { recursive: true, force: true });
      const ms = await gitstore(['-r', bare, 'cp', `${tree}/`, ':']);
      return ms + (await plain('put', packIn(bare)));
    },
  );
  const note = 'rival: cp into a bare repository and a plain upload of its pack';
  emit(ratioRow(`cp of ${files} files in`, inward, 'ms', 1.3, note));

  const outward = await pair(
    runs,
    async () => {
      empty();
      const env = newMachine(engine, scratch, 'reader');
      return await gitstore(['-r', store, 'cp', ':', folders.out], env);
    },
    async () => {
      empty();
      const ms = await plain('get', join(scratch, 'plain'));
      return ms + (await gitstore(['-r', bare, 'cp', ':', folders.rival]));
    },
  );
  const outNote = 'rival: a plain download of a pack, and cp out of a bare repository';
  emit(ratioRow('cp of them out, cold', outward, 'ms', 1.3, outNote));
  const reader = { ...engine.env, XDG_CACHE_HOME: join(scratch, 'cache-reader') };
  empty();
  await gitstore(['-r', store, 'cp', ':', folders.out], reader);
  checkSameFolders(folders.out, tree);

  await gitstore(['-r', store, 'sync', folders.out, ':'], reader);
  const unchanged = await countGitstore(['-r', store, 'sync', folders.out, ':'], scratch, {
    env: reader,
  });
  const { ms, all } = unchanged;
  emit({
    kind: 'info',
    work: 'sync of nothing changed, warm',
    ours: ms,
    unit: 'ms',
    note: `${all} requests`,
  });
  const cold = newMachine(engine, scratch, 'cold');
  const file = 'typescript/package.json';
  const cat = await countGitstore(['-r', store, 'cat', file], scratch, { env: cold });
  emit({
    kind: 'info',
    work: 'cat of one file, cold',
    ours: cat.ms,
    unit: 'ms',
    note: `${cat.all} requests`,
  });
}

function packIn(repository) {
  const folder = join(repository, 'objects', 'pack');
  return join(
    folder,
    readdirSync(folder).find((file) => file.endsWith('.pack')),
  );
}

/**
 * A store on object storage (versitygw on loopback): how many requests and bytes each work takes, which is
 * exact on any machine; and CPU time beside the same in a bare repository and a plain transfer of as many
 * bytes. A machine is a cache folder; a cold one is empty.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { countGitstore, newMachine, runOn, withEngine } from '../lib/bucket.mjs';
import { checkSameFolders } from '../lib/check.mjs';
import { realTree } from '../lib/input.mjs';
import { assertEqual, pair, withScratch } from '../lib/measure.mjs';
import { limitRow, ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 40;
export const name = 'bucket';
export const title =
  'a store on object storage: requests and bytes; CPU time / bare and plain transfer';

const PART = 16 << 20;
const MB = 1e6;

export async function run({ runs = 3 }, emit) {
  await withScratch(async (scratch) => {
    const why = await withEngine(scratch, async (engine) => {
      const bench = { engine, scratch, emit, runs };
      await sessions(bench);
      await trees(bench);
    });
    if (why !== undefined) emit(skippedRow('a store on object storage', why));
  });
}

async function sessions({ engine, scratch, emit }) {
  const env = newMachine(engine, scratch, 'sessions');
  const counts = await runOn(env, 'bucket-requests.mjs', [`s3://${engine.bucket}/sessions`]);
  const { small, large, held, unmoved, together } = counts;
  emit(limitRow('writing requests of a small commit', small.writing, '', 1));
  emit(limitRow('writing requests of a larger one', large.writing, '', 2));
  emit(limitRow('writing requests of 200 updates at once', together.writing, '', 20));
  emit(limitRow('requests to resolve a ref that has not moved', unmoved.all, '', 1));
  assertEqual(unmoved.received, 0, 'bytes of a ref that has not moved');
  emit(limitRow('requests of a read from a held snapshot', held.all, '', 0));
}

async function trees({ engine, scratch, emit, runs }) {
  const { tree, files, bytes } = realTree();
  let count = 0;
  const place = () => `s3://${engine.bucket}/tree${++count}`;
  const gitstore = (args, env, more) => countGitstore(args, scratch, { env, ...more });
  const local = (args) => countGitstore(args, scratch);
  // As many bytes as the store has: a pack.
  const bare = join(scratch, 'bare.git');
  const packOf = (repository) => {
    const folder = join(repository, 'objects', 'pack');
    return join(
      folder,
      readdirSync(folder).find((file) => file.endsWith('.pack')),
    );
  };

  const what = `${files} files (${Math.round(bytes / MB)} MB)`;
  let store;
  let env;
  let cpIn;
  const inward = await pair(
    runs,
    async () => {
      store = place();
      env = newMachine(engine, scratch, 'writer');
      await gitstore(['-r', store, 'init'], env);
      cpIn = await gitstore(['-r', store, 'cp', tree, ':'], env);
      return cpIn.cpu;
    },
    async () => {
      rmSync(bare, { recursive: true, force: true });
      const { cpu } = await local(['-r', bare, 'cp', tree, ':']);
      return (
        cpu + (await runOn(engine.env, 's3-plain.mjs', ['put', 'store', 'plain', packOf(bare)])).cpu
      );
    },
  );
  const allowed = 12 + Math.ceil(cpIn.sent / PART);
  emit(limitRow(`requests of cp of ${what} in`, cpIn.all, '', allowed, sizes(cpIn)));
  const note = 'rival: cp into a bare repository and a plain upload of its pack';
  emit(ratioRow('cp of them in, CPU time of the process', inward, 'ms', 1.3, note));

  const out = join(scratch, 'out');
  const rivalOut = join(scratch, 'rival');
  const empty = () => {
    for (const folder of [out, rivalOut]) rmSync(folder, { recursive: true, force: true });
  };
  let cpOut;
  const bareOut = async () => (await local(['-r', bare, 'cp', ':', rivalOut])).cpu;
  const cold = await pair(
    runs,
    async () => {
      empty();
      cpOut = await gitstore(['-r', store, 'cp', ':', out], newMachine(engine, scratch, 'reader'));
      return cpOut.cpu;
    },
    async () => {
      empty();
      const file = join(scratch, 'plain');
      return (
        (await runOn(engine.env, 's3-plain.mjs', ['get', 'store', 'plain', file])).cpu +
        (await bareOut())
      );
    },
  );
  const ours = cpOut.all;
  emit({
    kind: 'info',
    work: 'requests of cp of them out, cold',
    ours,
    unit: '',
    note: sizes(cpOut),
  });
  const coldNote = 'rival: a plain download of a pack, and cp out of a bare repository';
  emit(ratioRow('cp of them out, cold, CPU time', cold, 'ms', 1.3, coldNote));
  const reader = { ...engine.env, XDG_CACHE_HOME: join(scratch, 'cache-reader') };
  const warm = await pair(
    runs,
    async () => {
      empty();
      cpOut = await gitstore(['-r', store, 'cp', ':', out], reader);
      return cpOut.cpu;
    },
    async () => {
      empty();
      return await bareOut();
    },
  );
  emit(limitRow('requests of cp of them out, warm', cpOut.all, '', 1));
  emit(
    ratioRow('cp of them out, warm, CPU time', warm, 'ms', 1.1, 'rival: out of a bare repository'),
  );
  empty();
  await gitstore(['-r', store, 'cp', ':', out], reader);
  checkSameFolders(join(out, 'tree'), tree);

  await gitstore(['-r', store, 'sync', out, ':'], reader);
  const unchanged = await gitstore(['-r', store, 'sync', out, ':'], reader);
  emit(limitRow('requests of sync of nothing changed, warm', unchanged.all, '', 2));
}

function sizes({ sent, received }) {
  return `${(sent / MB).toFixed(1)} MB sent, ${(received / MB).toFixed(1)} MB received`;
}

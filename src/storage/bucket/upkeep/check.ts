/**
 * Reads and checks everything: assembles the bucket's content, not this machine's copies, as a bare
 * repository in a temporary folder, and checks that like any other.
 */

import { dirname, join } from 'node:path';
import { GitStoreError } from '../../../errors.ts';
import { encodePath } from '../../../git/pathBytes.ts';
import { serializePackedRefs } from '../../../git/refs/packedRefs.ts';
import { checkRepository } from '../../bare/check/work.ts';
import { createRepository } from '../../bare/create.ts';
import { diskPath } from '../../bare/refs/files/refPaths.ts';
import { BareRefs } from '../../bare/refs/refs.ts';
import { writeFully } from '../../disk/durable.ts';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
} from '../../disk/fs.ts';
import type { CheckResult, StorageFault, UpkeepOptions } from '../../storageUpkeep.ts';
import { CACHE_GONE } from '../cache/cacheFolder.ts';
import { packOf } from '../cache/packBytes.ts';
import { PackGoneError } from '../cache/shelf.ts';
import { cacheName } from '../cache/sparsePack.ts';
import type { Head, PackEntry } from '../head/headRecord.ts';
import type { UpkeepContext } from './context.ts';

const STEP = 16 << 20;
const ATTEMPTS = 4;

export async function checkStore(
  context: UpkeepContext,
  options: UpkeepOptions,
): Promise<CheckResult> {
  for (let attempt = 1; ; attempt++) {
    const head = await context.keeper.refresh();
    const gitDir = join(context.shelf.folder.newFolder(), 'check.git');
    try {
      return await checkHead(context, head, gitDir, options);
    } catch (error) {
      // Another process has merged packs, and a sweep has deleted the old ones.
      if (!(error instanceof PackGoneError) || attempt === ATTEMPTS) throw error;
    } finally {
      rmSync(dirname(gitDir), { recursive: true, force: true });
    }
  }
}

async function checkHead(
  context: UpkeepContext,
  head: Head,
  gitDir: string,
  options: UpkeepOptions,
): Promise<CheckResult> {
  const { engine, keeper, logs } = context;
  await createRepository(gitDir, {
    branch: head.branch.replace(/^refs\/heads\//, ''),
    durability: 'fast',
  });
  const packDir = join(gitDir, 'objects', 'pack');
  const missing: StorageFault[] = [];
  const files: string[] = [join(gitDir, 'packed-refs')];
  for (const entry of head.packs) {
    options.signal?.throwIfAborted();
    try {
      const stem = join(packDir, cacheName(entry.key));
      await fetchPack(context, entry, stem, options.signal);
      files.push(`${stem}.pack`, `${stem}.idx`);
    } catch (error) {
      if (!(error instanceof PackGoneError)) throw error;
      const isListed = (await keeper.refresh()).packs.some(({ key }) => key === entry.key);
      if (!isListed) throw error;
      missing.push({ subject: entry.key, problem: 'is missing from the bucket' });
    }
  }
  if (head.recent.length > 0) {
    const { pack, index } = packOf(head.recent);
    writeFileSync(join(packDir, 'recent.pack'), pack);
    writeFileSync(join(packDir, 'recent.idx'), index);
    files.push(join(packDir, 'recent.pack'), join(packDir, 'recent.idx'));
  }
  const traits = { peeled: false, fullyPeeled: false };
  writeFileSync(join(gitDir, 'packed-refs'), serializePackedRefs(head.refs.list(''), traits));
  for (const [ref, lines] of await logs.byRef(head)) {
    const path = diskPath(gitDir, `logs/${ref}`);
    mkdirSync(dirname(path.toString()), { recursive: true });
    writeFileSync(
      path,
      encodePath(
        lines
          .toReversed()
          .map((line) => `${line}\n`)
          .join(''),
      ),
    );
  }
  const refs = new BareRefs(gitDir, { durability: 'fast' });
  try {
    const now = () => engine.environment.now();
    const result = await checkRepository({ gitDir, refs, now }, options);
    // What is no longer here is no fault of the store.
    if (!files.every((file) => existsSync(file))) {
      throw new GitStoreError(`${gitDir}: ${CACHE_GONE}`, 'ENOENT', { path: gitDir });
    }
    const packs = head.packs.length;
    return { ...result, packs, faults: [...missing, ...result.faults] };
  } finally {
    refs.close();
  }
}

async function fetchPack(
  { engine }: UpkeepContext,
  { key, size, index }: PackEntry,
  stem: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const parts = [
    { path: `${stem}.pack`, start: 0, end: size },
    { path: `${stem}.idx`, start: size, end: size + index },
  ];
  for (const { path, start, end } of parts) {
    const fd = openSync(path, 'wx', 0o600);
    try {
      for (let at = start; at < end; at += STEP) {
        const range = { start: at, end: Math.min(end, at + STEP) };
        const answer = await engine.get(key, { range, signal });
        if (answer.kind !== 'ok') throw new PackGoneError(key);
        writeFully(fd, answer.body);
      }
    } finally {
      closeSync(fd);
    }
  }
}

/**
 * Makes new packs of old ones, as a bare repository does: fetches the packs whole and treats them as the
 * objects of a repository, with the same walks, deltas and order.
 */

import { join } from 'node:path';
import { GitStoreError } from '../../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../../git/objectId.ts';
import { type Inventory, openInventory } from '../../bare/inventory/inventory.ts';
import { GoneError } from '../../bare/inventory/objectBytes.ts';
import { Flag, Kind } from '../../bare/inventory/objectTable.ts';
import { makePack } from '../../bare/repack/output/makePack.ts';
import { Walker } from '../../bare/repack/reach/walker.ts';
import { readFully, writeFully } from '../../disk/durable.ts';
import {
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from '../../disk/fs.ts';
import { isSystemError } from '../../packs/objectFaults.ts';
import type { UpkeepOptions } from '../../storageUpkeep.ts';
import type { PackEntry } from '../head/headRecord.ts';
import { CACHE_GONE } from './cacheFolder.ts';
import type { DiskShelf } from './diskShelf.ts';
import { packOf } from './packBytes.ts';
import type { Repacked, RepackJob, StagedPack } from './shelf.ts';
import { cacheName } from './sparsePack.ts';

/** As git-pack-objects(1) has them. */
const SETTINGS = { window: 10, depth: 50, level: -1, memory: 96 << 20 };
const BIG_FILE = 512 << 20;
const CHUNK = 4 << 20;
const RECENT = 'recent';

export async function repack(shelf: DiskShelf, job: RepackJob): Promise<Repacked> {
  const folder = await gather(shelf, job.packs);
  try {
    if (job.recent.length > 0) {
      const { pack, index } = packOf(job.recent);
      writeFileSync(join(folder, 'pack', `${RECENT}.pack`), pack);
      writeFileSync(join(folder, 'pack', `${RECENT}.idx`), index);
    }
    const work = openGathered(folder, job.packs.length + (job.recent.length > 0 ? 1 : 0));
    try {
      return await sortOut(shelf, work, job);
    } finally {
      work.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function mergePacks(
  shelf: DiskShelf,
  packs: readonly PackEntry[],
  { signal, onProgress }: UpkeepOptions,
): Promise<StagedPack> {
  const folder = await gather(shelf, packs);
  try {
    const work = openGathered(folder, packs.length);
    try {
      const objects = await inOrder(work, signal);
      return await stage(shelf, work, objects, { search: true, signal, onProgress });
    } finally {
      work.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder with whole copies of some packs. */
async function gather(shelf: DiskShelf, packs: readonly PackEntry[]): Promise<string> {
  const folder = shelf.folder.newFolder();
  mkdirSync(join(folder, 'pack'));
  try {
    for (const entry of packs) {
      const stem = join(folder, 'pack', cacheName(entry.key));
      await shelf.withWhole(entry, async (pack, fd) => {
        await putCopy(pack.path, fd, `${stem}.pack`);
        writeFileSync(`${stem}.idx`, pack.index.bytes);
      });
    }
    return folder;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Links an open file, or copies it where there are no links, or its name leads to another file by now. */
async function putCopy(from: string, fd: number, to: string): Promise<void> {
  try {
    linkSync(from, to);
    if (statSync(to).ino === fstatSync(fd).ino) return;
    unlinkSync(to);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
  const chunk = Buffer.allocUnsafe(CHUNK);
  const copy = openSync(to, 'wx', 0o600);
  try {
    for (let at = 0, got = 0; ; at += got) {
      got = await readFully(fd, chunk, CHUNK, at);
      if (got === 0) break;
      writeFully(copy, chunk.subarray(0, got));
    }
  } finally {
    closeSync(copy);
  }
}

/**
 * The objects of the gathered packs. Opens all of them at once, so that they may go afterwards.
 * @throws GitStoreError (`ENOENT`) when one has gone: its objects must not count as missing
 */
function openGathered(folder: string, count: number): Inventory {
  const work = openInventory([folder]);
  if (work.packs.length === count) return work;
  work.close();
  throw new GitStoreError(`${folder}: ${CACHE_GONE}`, 'ENOENT', { path: folder });
}

async function sortOut(shelf: DiskShelf, work: Inventory, job: RepackJob): Promise<Repacked> {
  const { table, packs, bytes } = work;
  const { flags, pack: packOfObject } = table.columns;
  const { signal, onProgress } = job;
  const onTurn = (objects: number) => {
    signal?.throwIfAborted();
    onProgress?.({ phase: 'count', objects, totalObjects: table.count });
  };
  const firm = new Walker(table, bytes, { mark: Flag.reachable, onTurn });
  for (const [id, name] of job.firm) {
    const object = table.findId(id);
    if (object !== -1) firm.addRoot(object);
    else if (id !== EMPTY_TREE_ID) throw new GoneError(id, name);
  }
  await firm.run();
  const old = new Walker(table, bytes, { mark: Flag.reachable, lenient: true, onTurn });
  for (const id of job.loose) {
    const object = table.findId(id);
    if (object !== -1) old.addRoot(object);
  }
  await old.run();
  const reachable = joined(firm.found, old.found);

  const entries = new Map(job.packs.map((entry) => [`${cacheName(entry.key)}.pack`, entry]));
  const isYoung = packs.map(({ name }) => job.isYoung(entries.get(name)));
  // Garbage may be broken: it leads nowhere then.
  const onFault = () => {};
  const young = new Walker(table, bytes, { mark: Flag.young, lenient: true, onTurn, onFault });
  for (const [number, { index }] of packs.entries()) {
    if (!isYoung[number]) continue;
    for (let row = 0; row < index.count; row++) {
      const object = table.findId(index.idAt(row));
      if ((flags[object]! & Flag.reachable) === 0) young.addRoot(object);
    }
  }
  await young.run();
  const cruft = young.found.filter((object) => (flags[object]! & Flag.reachable) === 0);
  const lost = new Set<ObjectId>();
  for (let object = 0; object < table.count; object++) {
    if ((flags[object]! & (Flag.reachable | Flag.young)) === 0) lost.add(table.idOf(object));
  }

  const first = reachable.length === 0 ? undefined : packs[packOfObject[reachable[0]!]!];
  const whole = first && entries.get(first.name);
  const isSame =
    whole?.kind === 'collected' &&
    whole.count === reachable.length &&
    reachable.every((object) => first!.index.indexOf(table.idOf(object)) !== -1);
  const options = { signal, onProgress };
  const main =
    isSame || reachable.length === 0
      ? undefined
      : await stage(shelf, work, reachable, { search: true, ...options });
  const aside =
    cruft.length === 0 ? undefined : await stage(shelf, work, cruft, { search: false, ...options });
  return { kept: isSame ? whole : undefined, main, cruft: aside, lost };
}

/** Writes a pack and puts it into a folder of its own. */
async function stage(
  shelf: DiskShelf,
  work: Inventory,
  objects: Int32Array,
  { search, signal, onProgress }: UpkeepOptions & { search: boolean },
): Promise<StagedPack> {
  const written = await makePack(work, objects, {
    durability: 'fast',
    settings: SETTINGS,
    bigFileThreshold: BIG_FILE,
    search,
    signal,
    onProgress: (phase, done, totalObjects) => onProgress?.({ phase, objects: done, totalObjects }),
  });
  const folder = shelf.folder.newFolder();
  for (const ending of ['.pack', '.idx']) {
    renameSync(join(work.packDir, written.base + ending), join(folder, written.base + ending));
  }
  return shelf.staged(folder, written.base);
}

/** All objects as a walk through them finds them, and then those it does not find. */
async function inOrder(work: Inventory, signal: AbortSignal | undefined): Promise<Int32Array> {
  const { table, bytes } = work;
  const { kind } = table.columns;
  const walker = new Walker(table, bytes, {
    mark: Flag.reachable,
    lenient: true,
    onTurn: () => signal?.throwIfAborted(),
    onFault: () => {},
  });
  for (const wanted of [[Kind.commit, Kind.tag], [Kind.tree], [Kind.blob]]) {
    for (let object = 0; object < table.count; object++) {
      if (wanted.some((one) => one === kind[object])) walker.addRoot(object);
    }
    await walker.run();
  }
  return walker.found.slice();
}

function joined(a: Int32Array, b: Int32Array): Int32Array {
  const both = new Int32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

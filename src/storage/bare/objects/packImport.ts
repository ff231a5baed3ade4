/**
 * Imports a pack into a bare repository: few objects as loose files (as Git does below its
 * `transfer.unpackLimit`), otherwise as a pack with its own index, completed with the bases that a thin
 * pack omits (gitformat-pack(5)).
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type { ObjectId } from '../../../git/objectId.ts';
import { PackType, packEntryHeader, packHeader } from '../../../git/packs/pack.ts';
import { serializePackIndexColumns } from '../../../git/packs/packIndex.ts';
import { readFully, writeFully } from '../../disk/durable.ts';
import { Incoming } from '../../packs/import/incoming.ts';
import { PackImporter } from '../../packs/import/packImporter.ts';
import { FileSpool } from '../../packs/writing/fileSpool.ts';
import { placePack } from '../../packs/writing/placePack.ts';
import type { NewObject } from '../../packs/writing/writingSession.ts';
import type { ImportedPack, ImportOptions, ObjectStore } from '../../storage.ts';
import { loosePath } from '../loose/loose.ts';
import { writeLoose } from '../loose/looseWriter.ts';
import { DEFAULT_LEVEL, type WriterOptions } from './objectWriter.ts';
import type { Settled } from './settled.ts';

/** Git's own default of `transfer.unpackLimit`. */
const UNPACK_LIMIT = 100;
const ID_LENGTH = 20;
const READ_CHUNK = 1 << 20;

export interface ImportTarget {
  readonly objectsDir: string;
  readonly options: WriterOptions;
  readonly store: ObjectStore;
  /** As in `WriterContext`. */
  holds(id: ObjectId): string | undefined;
  readonly settled: Settled;
  packAdded(name: string): void;
}

export async function importPack(
  target: ImportTarget,
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportedPack> {
  const { objectsDir, store } = target;
  const packDir = join(objectsDir, 'pack');
  const spool = new FileSpool(() => packDir);
  try {
    const pack = new PackImporter(source, spool, (id) => store.read(id), options);
    await pack.run();
    await options.check?.(new Incoming(pack, store));
    options.signal?.throwIfAborted();
    if (pack.count > 0) {
      if (pack.count < UNPACK_LIMIT && pack.inMemory) await unpack(target, pack);
      else {
        const name = await keepPack(pack, spool, { packDir, ...target.options });
        if (target.options.durability === 'full') target.settled.add(`${packDir}/${name}`);
        target.packAdded(name);
      }
    }
    return { count: pack.count, bytes: pack.size };
  } finally {
    spool.discard();
  }
}

async function unpack(target: ImportTarget, pack: PackImporter): Promise<void> {
  const { objectsDir, options, settled } = target;
  const objects: NewObject[] = [];
  const relied: string[] = [];
  for (let entry = 0; entry < pack.count; entry++) {
    const id = pack.links.ids.idAt(pack.entries.positions[entry]!);
    const file = target.holds(id);
    if (file !== undefined) relied.push(file);
    else objects.push({ id, ...(await pack.object(entry)) });
  }
  await writeLoose(objectsDir, objects, options.compression ?? DEFAULT_LEVEL, options.durability);
  if (options.durability !== 'full') return;
  for (const { id } of objects) settled.add(loosePath(objectsDir, id));
  await settled.settle(relied);
}

/** Completes the pack and puts it in place with its index. @returns its file name */
export async function keepPack(
  pack: PackImporter,
  spool: FileSpool,
  { packDir, durability, compression = DEFAULT_LEVEL }: WriterOptions & { packDir: string },
): Promise<string> {
  const { entries } = pack;
  const bases = await pack.outsideBases();
  const count = pack.count + bases.length;
  const ids = Buffer.allocUnsafe(count * ID_LENGTH);
  for (let entry = 0; entry < pack.count; entry++) {
    const from = entries.positions[entry]! * ID_LENGTH;
    ids.set(pack.links.ids.bytes.subarray(from, from + ID_LENGTH), entry * ID_LENGTH);
  }
  const offsets = entries.offsets.slice(0, count);
  const crcs = entries.crcs.slice(0, count);
  let end = pack.size - ID_LENGTH;
  bases.forEach(({ id, type, body }, i) => {
    const header = packEntryHeader(PackType[type], body.length);
    const data = deflateSync(body, { level: compression });
    ids.write(id, (pack.count + i) * ID_LENGTH, 'hex');
    offsets[pack.count + i] = end;
    crcs[pack.count + i] = crc32(data, crc32(header));
    end += header.length + data.length;
    spool.append(header);
    spool.append(data);
  });
  const { path: file, fd } = spool.toFile();
  let { checksum } = pack;
  if (bases.length > 0) {
    writeFully(fd, packHeader(count), 0);
    checksum = await hashFile(fd, end);
  }
  writeFully(fd, checksum, end);
  const index = serializePackIndexColumns({ count, ids, offsets, crcs }, checksum);
  return placePack({ packDir, file, fd, checksum, index, durability }, () => spool.close());
}

async function hashFile(fd: number, size: number): Promise<Buffer> {
  const hash = createHash('sha1');
  const chunk = Buffer.allocUnsafe(READ_CHUNK);
  for (let at = 0; at < size; ) {
    const got = await readFully(fd, chunk, Math.min(READ_CHUNK, size - at), at);
    if (got === 0) throw new Error('A temporary file was cut short by another program');
    hash.update(chunk.subarray(0, got));
    at += got;
  }
  return hash.digest();
}

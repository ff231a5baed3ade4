/** Writes loose objects (loose.ts). */

import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflate as deflateCallback, deflateSync } from 'node:zlib';
import { type ObjectId, objectHeader } from '../../../git/objectId.ts';
import { deflateStored } from '../../../zlib/storedDeflate.ts';
import {
  isErrno,
  removeIfThere,
  syncDirectory,
  syncFile,
  temporaryName,
  writeFully,
} from '../../disk/durable.ts';
import { closeSync, existsSync, openSync, renameSync } from '../../disk/fs.ts';
import { makeDirectories } from '../../disk/makeDirectories.ts';
import { whileWritable } from '../../disk/readOnly.ts';
import { share } from '../../disk/sharing.ts';
import { LARGE_OBJECT } from '../../packs/reading/packFile.ts';
import type { NewObject } from '../../packs/writing/writingSession.ts';
import type { Durability } from '../../storage.ts';
import { loosePath } from './loose.ts';

const deflate = promisify(deflateCallback) as (
  data: Uint8Array,
  options: { level: number },
) => Promise<Buffer>;

/** Below this many bytes a file takes one disk block whether it is deflated or not. */
const ONE_BLOCK = 4000;

/** Undefined for an object that must not hold up the event loop. */
function encodeNow({ type, body }: NewObject, level: number): Uint8Array | undefined {
  const header = objectHeader(type, body.length);
  const total = header.length + body.length;
  if (total <= ONE_BLOCK || level === 0) return deflateStored(header, body);
  if (total > LARGE_OBJECT) return undefined;
  return shorter(deflateSync(wholeObject(header, body), { level }), header, body);
}

async function encodeLarge({ type, body }: NewObject, level: number): Promise<Uint8Array> {
  const header = objectHeader(type, body.length);
  return shorter(await deflate(wholeObject(header, body), { level }), header, body);
}

function wholeObject(header: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(header, 'latin1'), body]);
}

function shorter(deflated: Buffer, header: string, body: Uint8Array): Uint8Array {
  return deflated.length < header.length + body.length ? deflated : deflateStored(header, body);
}

/** Writes loose objects; when it returns all of them are in place, synced where durability is full. */
export async function writeLoose(
  objectsDir: string,
  objects: readonly NewObject[],
  level: number,
  durability: Durability,
): Promise<void> {
  if (durability === 'fast') {
    for (const object of objects) {
      const data = encodeNow(object, level) ?? (await encodeLarge(object, level));
      const written = writeTemporary(objectsDir, object.id, data);
      closeSync(written.fd);
      putInPlace(written.file, loosePath(objectsDir, object.id));
    }
    return;
  }
  const written: { fd: number; file: string; id: ObjectId }[] = [];
  const open = new Set<number>();
  const directories = new Set<string>([objectsDir]);
  try {
    for (const object of objects) {
      const data = encodeNow(object, level) ?? (await encodeLarge(object, level));
      const one = writeTemporary(objectsDir, object.id, data);
      written.push({ ...one, id: object.id });
      open.add(one.fd);
      directories.add(join(objectsDir, object.id.slice(0, 2)));
    }
    await Promise.all(written.map(({ fd }) => syncFile(fd)));
    for (const { fd, file, id } of written) {
      closeSync(fd);
      open.delete(fd);
      putInPlace(file, loosePath(objectsDir, id));
    }
  } catch (error) {
    for (const fd of open) closeSync(fd);
    for (const { file } of written) removeIfThere(file);
    throw error;
  }
  await Promise.all([...directories].map(syncDirectory));
}

/** A complete object under a temporary name, in the directory it will stay in. */
function writeTemporary(
  objectsDir: string,
  id: ObjectId,
  data: Uint8Array,
): { fd: number; file: string } {
  const directory = `${objectsDir}/${id.slice(0, 2)}`;
  const file = `${directory}/${temporaryName('tmp_obj_')}`;
  const fd = createInDirectory(directory, file);
  try {
    writeFully(fd, data);
  } catch (error) {
    closeSync(fd);
    removeIfThere(file);
    throw error;
  }
  return { fd, file };
}

/** Makes the directory where it is missing; again when a collecting Git removed it in between. */
function createInDirectory(directory: string, file: string): number {
  for (let attempt = 0; ; attempt++) {
    try {
      const fd = whileWritable(file, () => openSync(file, 'wx', 0o444));
      share(file, fd);
      return fd;
    } catch (error) {
      if (!isErrno(error, 'ENOENT') || attempt === 5) throw error;
      whileWritable(directory, () => makeDirectories(directory));
    }
  }
}

function putInPlace(temporary: string, file: string): void {
  try {
    renameSync(temporary, file);
  } catch (error) {
    removeIfThere(temporary);
    // Windows replaces no file that is read-only; then it is the same object.
    if (!(isErrno(error, 'EPERM', 'EACCES', 'EEXIST') && existsSync(file))) throw error;
  }
}

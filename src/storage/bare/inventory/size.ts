/** How much there is of objects in one `objects` directory. */

import { join } from 'node:path';
import { isErrno, readFullySync } from '../../disk/durable.ts';
import { closeSync, openSync, statSync } from '../../disk/fs.ts';
import type { StorageSize } from '../../storageUpkeep.ts';
import { readNames } from './packSet.ts';

const MAGIC = 0xff744f63;
const LAST_OF_FAN_OUT = 255 * 4;

export function measureObjects(objectsDir: string): StorageSize {
  let packs = 0;
  let packed = 0;
  let bytes = 0;
  const packDir = join(objectsDir, 'pack');
  for (const name of readNames(packDir)) {
    if (!/^pack-|^multi-pack-index$/.test(name)) continue;
    const path = join(packDir, name);
    bytes += sizeOf(path);
    if (name.endsWith('.pack')) packs++;
    if (name.endsWith('.idx')) packed += countIn(path);
  }
  let looseObjects = 0;
  for (let byte = 0; byte < 256; byte++) {
    const directory = join(objectsDir, byte.toString(16).padStart(2, '0'));
    for (const name of readNames(directory)) {
      if (!/^[0-9a-f]{38}$/.test(name)) continue;
      looseObjects++;
      bytes += sizeOf(join(directory, name));
    }
  }
  return { objects: packed + looseObjects, looseObjects, packs, bytes };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The number of objects that an index names: the last number of its fan-out. */
function countIn(index: string): number {
  let fd: number;
  try {
    fd = openSync(index, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
  try {
    const head = Buffer.alloc(8 + LAST_OF_FAN_OUT + 4);
    readFullySync(fd, head, head.length, 0);
    const start = head.readUInt32BE(0) === MAGIC ? 8 : 0;
    return head.readUInt32BE(start + LAST_OF_FAN_OUT);
  } finally {
    closeSync(fd);
  }
}

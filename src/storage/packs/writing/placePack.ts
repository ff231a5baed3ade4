/** Puts a complete pack with a temporary name in place, with its index and other side files. */

import { join } from 'node:path';
import {
  removeIfThere,
  syncDirectory,
  syncFile,
  temporaryName,
  writeFully,
} from '../../disk/durable.ts';
import { closeSync, openSync, renameSync } from '../../disk/fs.ts';
import { share } from '../../disk/sharing.ts';
import type { Durability } from '../../storage.ts';

export interface CompletePack {
  readonly packDir: string;
  /** Its temporary file in `packDir`, open as `fd`. */
  readonly file: string;
  readonly fd: number;
  /** The 20 bytes at its end, which give it its name. */
  readonly checksum: Buffer;
  /** Content of the `.mtimes` file, for a cruft pack. */
  readonly mtimes?: Uint8Array | undefined;
  /** The bytes of its index. */
  readonly index: Uint8Array;
  readonly durability: Durability;
}

/**
 * When it returns, every reader sees the pack, and it is on stable storage where the durability is
 * `full`. When it throws, the temporary file of the pack may remain.
 * @param close closes `fd`: some systems cannot rename an open file
 * @returns the pack's file name
 */
export async function placePack(pack: CompletePack, close: () => void): Promise<string> {
  const { packDir, file, fd, checksum, mtimes, index, durability } = pack;
  const sides: Side[] = [];
  try {
    try {
      if (mtimes !== undefined) sides.push(writeSide(packDir, '.mtimes', mtimes));
      // The index comes last: a pack counts once it has one.
      sides.push(writeSide(packDir, '.idx', index));
      if (durability === 'full') {
        await Promise.all([syncFile(fd), ...sides.map((side) => syncFile(side.fd))]);
      }
    } finally {
      for (const side of sides) closeSync(side.fd);
    }
    close();
    const name = `pack-${checksum.toString('hex')}`;
    renameSync(file, join(packDir, `${name}.pack`));
    for (const side of sides) renameSync(side.file, join(packDir, name + side.ending));
    if (durability === 'full') await syncDirectory(packDir);
    return `${name}.pack`;
  } catch (error) {
    for (const side of sides) removeIfThere(side.file);
    throw error;
  }
}

/** A side file of a pack, under a temporary name. */
interface Side {
  readonly ending: string;
  readonly file: string;
  readonly fd: number;
}

function writeSide(packDir: string, ending: string, content: Uint8Array): Side {
  const file = join(packDir, temporaryName('tmp_idx_'));
  const fd = openSync(file, 'wx', 0o444);
  try {
    share(file, fd);
    writeFully(fd, content);
    return { ending, file, fd };
  } catch (error) {
    closeSync(fd);
    removeIfThere(file);
    throw error;
  }
}

/** Puts a pack that is complete, under a temporary name, in place with its index. */
import { closeSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Durability } from '../storage.ts';
import { removeIfThere, syncDirectory, syncFile, temporaryName, writeFully } from './durable.ts';

export interface CompletePack {
  readonly packDir: string;
  /** Its temporary file in `packDir`, open as `fd`. */
  readonly file: string;
  readonly fd: number;
  /** The 20 bytes at its end, after which it is named. */
  readonly checksum: Buffer;
  /** The bytes of its index. */
  readonly index: Uint8Array;
  readonly durability: Durability;
}

/**
 * When it returns every reader sees the pack, and it is on stable storage where the durability is
 * `full`. When it throws the temporary file of the pack may still be there.
 * @param close closes `fd`: some systems rename no open file
 * @returns the pack's file name
 */
export async function placePack(pack: CompletePack, close: () => void): Promise<string> {
  const { packDir, file, fd, checksum, index, durability } = pack;
  const indexFile = join(packDir, temporaryName('tmp_idx_'));
  try {
    const indexFd = openSync(indexFile, 'wx', 0o444);
    try {
      writeFully(indexFd, index);
      if (durability === 'full') await Promise.all([syncFile(fd), syncFile(indexFd)]);
    } finally {
      closeSync(indexFd);
    }
    close();
    const name = `pack-${checksum.toString('hex')}`;
    // The index last: a pack counts once its index is there.
    renameSync(file, join(packDir, `${name}.pack`));
    renameSync(indexFile, join(packDir, `${name}.idx`));
    if (durability === 'full') await syncDirectory(packDir);
    return `${name}.pack`;
  } catch (error) {
    removeIfThere(indexFile);
    throw error;
  }
}

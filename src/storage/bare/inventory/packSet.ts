/**
 * The packs and loose objects when the work begins. Files are opened once and stay open, so the work goes on
 * when another process removes a pack.
 */

import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import { PACK_HEADER_LENGTH, parsePackHeader } from '../../../git/packs/pack.ts';
import { PackIndex } from '../../../git/packs/packIndex.ts';
import { isErrno, readFullySync } from '../../disk/durable.ts';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from '../../disk/fs.ts';
import { readMtimes } from './mtimesFile.ts';

const TRAILER = 20;

/** Files beside a pack that say it is to be left as it is. */
const KEEPERS = ['.keep', '.promisor'];

export interface SourcePack {
  /** Path without `.pack`. */
  readonly stem: string;
  /** `pack-….pack` */
  readonly name: string;
  readonly fd: number;
  /** Of the pack file in bytes; entries end 20 bytes before. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly index: PackIndex;
  /** Must stay, whatever is written anew. */
  readonly kept: boolean;
  /** In an alternate: another repository's. */
  readonly foreign: boolean;
  /** For a cruft pack: seconds since the epoch of each object, in the order of ids. */
  readonly mtimes: Uint32Array | undefined;
}

export interface Placement {
  readonly objectsDir: string;
  readonly foreign: boolean;
}

/** Opens every pack of the given directories that has an index. */
export function openPacks(
  places: readonly Placement[],
  onBroken: (error: CorruptObjectError) => void,
): SourcePack[] {
  const packs: SourcePack[] = [];
  try {
    for (const { objectsDir, foreign } of places) {
      const packDir = join(objectsDir, 'pack');
      const names = new Set(readNames(packDir));
      for (const name of names) {
        if (!/^pack-.*\.idx$/.test(name) && !name.endsWith('.idx')) continue;
        const base = name.slice(0, -'.idx'.length);
        if (!names.has(`${base}.pack`)) continue;
        try {
          const pack = openPack(join(packDir, base), base, names, foreign);
          if (pack !== undefined) packs.push(pack);
        } catch (error) {
          if (!(error instanceof CorruptObjectError)) throw error;
          onBroken(error);
        }
      }
    }
  } catch (error) {
    closePacks(packs);
    throw error;
  }
  return packs;
}

export function closePacks(packs: readonly SourcePack[]): void {
  for (const { fd } of packs) closeSync(fd);
}

export function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function openPack(
  stem: string,
  base: string,
  names: ReadonlySet<string>,
  foreign: boolean,
): SourcePack | undefined {
  let fd: number;
  let index: PackIndex;
  try {
    fd = openSync(`${stem}.pack`, 'r');
  } catch (error) {
    // Another process has packed meanwhile.
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    index = PackIndex.parse(readFileSync(`${stem}.idx`), `${base}.idx`);
    const { size, mtimeMs } = fstatSync(fd);
    const path = `${stem}.pack`;
    const head = Buffer.alloc(PACK_HEADER_LENGTH);
    const trailer = Buffer.alloc(TRAILER);
    if (
      size < PACK_HEADER_LENGTH + TRAILER ||
      readFullySync(fd, head, head.length, 0) < head.length ||
      readFullySync(fd, trailer, TRAILER, size - TRAILER) < TRAILER
    ) {
      throw new CorruptObjectError(`pack ${base}.pack is cut short`, { path });
    }
    if (parsePackHeader(head).count !== index.count || !trailer.equals(index.packChecksum)) {
      throw new CorruptObjectError(`pack ${base}.pack does not belong to its index`, { path });
    }
    return {
      stem,
      name: `${base}.pack`,
      fd,
      size,
      mtimeMs,
      index,
      kept: KEEPERS.some((ending) => names.has(base + ending)),
      foreign,
      mtimes: names.has(`${base}.mtimes`) ? readMtimes(`${stem}.mtimes`, index.count) : undefined,
    };
  } catch (error) {
    closeSync(fd);
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

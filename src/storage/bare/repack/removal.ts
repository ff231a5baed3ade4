/**
 * Removing packs and loose objects beside readers and writers.
 *
 * A writer that relies on an object gives its file a new time (`freshen`), and writes the object itself when
 * the file is gone. So a file to remove gets a temporary name first, and then its time is compared: a writer
 * that was quicker has left a new time, and the file gets its name back; a later writer does not find the
 * file and writes the object again.
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { isErrno, removeIfThere, syncDirectory, syncFileAt } from '../../disk/durable.ts';
import { lstatSync, renameSync, rmdirSync, statSync, unlinkSync } from '../../disk/fs.ts';
import { readNames, type SourcePack } from '../inventory/packSet.ts';

/** Files that belong to a pack, the pack itself first: without it the others count for nothing. */
const ENDINGS = ['.pack', '.idx', '.rev', '.bitmap', '.mtimes'];

/**
 * Puts packs on stable storage before copies of their objects are removed: their writers may not have.
 */
export async function settlePacks(packs: readonly SourcePack[], packDir: string): Promise<void> {
  for (const { stem } of packs) {
    await Promise.all(ENDINGS.map((ending) => syncFileAt(stem + ending)));
  }
  await syncDirectory(packDir);
}

/** Removes a pack whose objects all lie elsewhere. */
export function removePack(stem: string): void {
  for (const ending of ENDINGS) removeIfThere(stem + ending);
}

/**
 * Removes a pack that holds the only copy of objects, unless a writer has used it since `mtimeMs`.
 * @returns false when the pack stays
 */
export function removeUnusedPack(stem: string, mtimeMs: number): boolean {
  if (!removeUnused(`${stem}.pack`, join(dirname(stem), temporary('tmp_pack_')), mtimeMs)) {
    return false;
  }
  removePack(stem);
  return true;
}

/** Removes a loose object, unless a writer has used it since `mtimeMs`. False when it stays. */
export function removeUnusedLoose(path: string, mtimeMs: number): boolean {
  return removeUnused(path, join(dirname(path), temporary('tmp_obj_')), mtimeMs);
}

function temporary(prefix: string): string {
  return `${prefix}gone_${randomBytes(6).toString('hex')}`;
}

function removeUnused(path: string, aside: string, mtimeMs: number): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.mtimeMs !== mtimeMs) return false;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  if (statSync(aside).mtimeMs !== mtimeMs) {
    renameSync(aside, path);
    return false;
  }
  unlinkSync(aside);
  return true;
}

/** Removes the directories of loose objects that hold nothing any more. */
export function removeEmptyFanOuts(objectsDir: string): void {
  for (let byte = 0; byte < 256; byte++) {
    try {
      rmdirSync(join(objectsDir, byte.toString(16).padStart(2, '0')));
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES', 'EBUSY')) throw error;
    }
  }
}

/** Removes the files of these names that were not touched since `before`. @returns how many */
function removeOld(directory: string, names: readonly string[], before: number): number {
  let removed = 0;
  for (const name of names) {
    const path = join(directory, name);
    try {
      const stats = lstatSync(path);
      if (!stats.isFile() || stats.mtimeMs > before) continue;
      unlinkSync(path);
      removed++;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EPERM', 'EACCES')) throw error;
    }
  }
  return removed;
}

/** The same for what killed writers have left in our own folder, `gitstore/`. @returns how many */
export function removeStalePrivate(directory: string, before: number): number {
  const isTemporary = (name: string) => /^((memo|settled)-.*\.tmp|new-[0-9a-f]+)$/.test(name);
  return removeOld(directory, readNames(directory).filter(isTemporary), before);
}

/**
 * Removes temporary files last written before `before` (milliseconds since the epoch), and parts of packs
 * that killed removals left.
 * @returns how many files were removed
 */
export function removeStaleTemporaries(objectsDir: string, before: number): number {
  let removed = 0;
  const packDir = join(objectsDir, 'pack');
  const sweep = (directory: string, names: readonly string[]): void => {
    removed += removeOld(directory, names, before);
  };
  const names = readNames(packDir);
  const there = new Set(names);
  const isTemporary = (name: string) => /^(tmp_|\.tmp-)/.test(name);
  sweep(packDir, names.filter(isTemporary));
  // A pack is put in place before its index; an index without pack, or the reverse, is a leftover.
  const half = names.filter((name) => {
    const [, stem, ending = ''] = /^(pack-[0-9a-f]{40})(\.[a-z]+)$/.exec(name) ?? [];
    if (stem === undefined || !ENDINGS.includes(ending)) return false;
    return ending === '.pack'
      ? !there.has(`${stem}.idx`) && !there.has(`${stem}.keep`)
      : !there.has(`${stem}.pack`);
  });
  sweep(packDir, half);
  for (const name of readNames(objectsDir)) {
    const path = join(objectsDir, name);
    if (/^[0-9a-f]{2}$/.test(name)) sweep(path, readNames(path).filter(isTemporary));
    else if (isTemporary(basename(name))) sweep(objectsDir, [name]);
  }
  return removed;
}

/**
 * The `packed-refs` file: many refs in one file, sorted (git-pack-refs(1)). A loose ref of the same name
 * overrides its line. The parsed file is cached until the file on disk changes.
 */

import { basename, dirname, resolve } from 'node:path';
import type { ObjectId } from '../../../../git/objectId.ts';
import { comparePaths, encodePath } from '../../../../git/pathBytes.ts';
import { type PackedRefs, parsePackedRefs } from '../../../../git/refs/packedRefs.ts';
import { reasonOf } from '../../../../systemFaults.ts';
import { isErrno } from '../../../disk/durable.ts';
import {
  type BigIntStats,
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
} from '../../../disk/fs.ts';
import { unreadableRef } from '../../../refRules.ts';
import type { RefEntry } from '../../../storage.ts';
import type { PendingFile } from './pendingFile.ts';

/**
 * A file changed less than this before it was read may change again without a change of its times: file
 * systems keep times in ticks of up to 20 ms (2 s on FAT, where inode numbers differ).
 */
export const CLOCK_TICK_MS = 50;

interface Snapshot {
  /** Sorted by name. */
  readonly entries: readonly RefEntry[];
  readonly stats: BigIntStats | undefined;
  /** False while the file is too new to trust its times. */
  readonly settled: boolean;
}

const NO_REFS: PackedRefs = { entries: [], sorted: true, peeled: true, fullyPeeled: true };

export class PackedRefsFile {
  readonly path: string;
  #snapshot: Snapshot | undefined;

  constructor(gitDir: string) {
    this.path = `${gitDir}/packed-refs`;
  }

  /** The packed value of a ref in the present file. */
  get(ref: string): ObjectId | undefined {
    const entries = this.#entries();
    const entry = entries[firstAtOrAfter(entries, ref)];
    return entry?.ref === ref ? entry.id : undefined;
  }

  /** All packed refs whose names begin with `prefix`, sorted. */
  withPrefix(prefix: string): readonly RefEntry[] {
    const entries = this.#entries();
    const first = firstAtOrAfter(entries, prefix);
    let end = first;
    while (end < entries.length && entries[end]!.ref.startsWith(prefix)) end++;
    return entries.slice(first, end);
  }

  /** The file's bytes without the given refs, otherwise unchanged; undefined when it has none of them. */
  without(refs: ReadonlySet<string>): Buffer | undefined {
    if (!this.#entries().some((entry) => refs.has(entry.ref))) return undefined;
    const names = new Set([...refs].map((ref) => encodePath(ref).toString('latin1')));
    const kept: string[] = [];
    let dropping = false;
    for (const line of this.#bytes()?.toString('latin1').split('\n') ?? []) {
      // A line `^<id>` is the peeled value of the tag in the line before, and belongs to it.
      if (!line.startsWith('^')) dropping = names.has(line.slice(41));
      if (!dropping) kept.push(line);
    }
    return Buffer.from(kept.join('\n'), 'latin1');
  }

  /** Reads the whole present file. */
  read(): PackedRefs {
    const bytes = this.#bytes();
    return bytes === undefined ? NO_REFS : parsePackedRefs(bytes);
  }

  /**
   * Replaces this file. As in Git, replaces the target of a link, which another repository shares.
   */
  replaceBy(file: PendingFile): void {
    const target = this.linkTarget();
    if (target === undefined) file.moveTo(this.path);
    else file.moveAcross(target);
  }

  /** The directory of the file, or of the target of a link. */
  get directory(): string {
    return dirname(this.linkTarget() ?? this.path);
  }

  /** The target of a link, which need not exist; undefined when the file is not a link. */
  linkTarget(): string | undefined {
    let path = this.path;
    for (let depth = 0; depth < MOST_LINKS; depth++) {
      const next = readLink(path);
      if (next === undefined) {
        if (path === this.path) return undefined;
        // Git's own tools make links to another repository's file, of the same name.
        if (basename(path) === 'packed-refs') return path;
        throw unreadableRef('packed-refs', `it is a link to ${path}, which is no packed-refs`);
      }
      path = resolve(dirname(path), next);
    }
    throw unreadableRef('packed-refs', 'its links lead on and on');
  }

  /**
   * Takes the lock file by which Git, and other repositories, know that the target of a linked
   * `packed-refs` is about to be replaced. Without a link `packed-refs.lock` in the repository is that
   * file, and this takes none.
   * @returns the lock file, for `unlockTarget` to remove; `blocked` when another process holds it
   */
  lockTarget(): { readonly lock: string | undefined } | { readonly blocked: string } {
    const target = this.linkTarget();
    if (target === undefined) return { lock: undefined };
    const lock = `${target}.lock`;
    try {
      closeSync(openSync(lock, 'wx'));
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return { blocked: lock };
      throw unreadableRef('packed-refs', `${target}: ${reasonOf(error)}`, error);
    }
    return { lock };
  }

  #bytes(): Buffer | undefined {
    try {
      return readFileSync(this.path);
    } catch (error) {
      // Also for a dangling link: Git creates its target when it packs the first ref.
      if (isErrno(error, 'ENOENT')) return undefined;
      throw unreadableRef('packed-refs', reasonOf(error), error);
    }
  }

  #stats(): BigIntStats | undefined {
    try {
      return statSync(this.path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      throw unreadableRef('packed-refs', reasonOf(error), error);
    }
  }

  #entries(): readonly RefEntry[] {
    const stats = this.#stats();
    const known = this.#snapshot;
    if (known?.settled && sameFile(known.stats, stats)) return known.entries;
    const read = this.#read(stats);
    this.#snapshot = read;
    return read.entries;
  }

  #read(stats: BigIntStats | undefined): Snapshot {
    if (stats === undefined) return { entries: [], stats, settled: true };
    // The bytes may be newer than `stats`. Then the next check finds other stats and reads again.
    const settled = Math.abs(Date.now() - Number(stats.mtimeMs)) > CLOCK_TICK_MS;
    const { entries, sorted } = this.read();
    const inOrder = sorted ? entries : entries.toSorted((a, b) => comparePaths(a.ref, b.ref));
    return { entries: inOrder, stats, settled };
  }
}

/** Git's own limit. */
const MOST_LINKS = 5;

/** Undefined when it is not a link. */
function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL', 'UNKNOWN')) return undefined;
    throw unreadableRef('packed-refs', reasonOf(error), error);
  }
}

function sameFile(a: BigIntStats | undefined, b: BigIntStats | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;
}

function firstAtOrAfter(entries: readonly RefEntry[], ref: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePaths(entries[middle]!.ref, ref) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

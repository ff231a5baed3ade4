/**
 * What keeps objects: refs, their logs, HEADs and index files, also those of other working trees. The objects
 * of *firm* roots must exist; *loose* ones (old values in logs, objects of an unfinished operation) keep
 * theirs if they still exist.
 */

import { isObjectId, type ObjectId, ZERO_ID } from '../../../git/objectId.ts';
import { parsePackedRefs } from '../../../git/refs/packedRefs.ts';
import { isValidRefName } from '../../../git/refs/refName.ts';
import { idsInIndex } from '../../../git/repository/indexFile.ts';
import { reasonOf } from '../../../systemFaults.ts';
import { isErrno } from '../../disk/durable.ts';
import {
  type DirectoryEntry,
  readEntriesSync,
  readFileSync,
  realpathSync,
  statSync,
} from '../../disk/fs.ts';
import { requireAll, unreadableRef } from '../../refRules.ts';
import type { RefStore } from '../../storage.ts';
import { PRIVATE_DIRECTORY } from '../locks/storeLock.ts';
import { parseShallow } from '../objects/shallowFile.ts';
import { namesBelowRefs } from '../refs/files/looseRefs.ts';
import { diskPath } from '../refs/files/refPaths.ts';

const LINE_FEED = 10;

export interface Roots {
  /** Id → what names it, for messages. */
  readonly firm: ReadonlyMap<ObjectId, string>;
  readonly loose: ReadonlySet<ObjectId>;
  /** Commits whose parents were left out when the repository was cloned. */
  readonly shallow: ReadonlySet<ObjectId>;
}

/**
 * @param lenient true for a caller that removes nothing: refs that cannot be read are passed over
 * @throws UnreadableRefError that names what cannot be read
 */
export async function readRoots(gitDir: string, refs: RefStore, lenient = false): Promise<Roots> {
  const firm = new Map<ObjectId, string>();
  const loose = new Set<ObjectId>();
  const keepIds = (text: string): void => {
    for (const [id] of text.matchAll(/\b[0-9a-f]{40}\b/g)) if (id !== ZERO_ID) loose.add(id);
  };
  // Refs may move while they are read. Their logs are read after them, so a value that a ref got
  // meanwhile is found in its log. Its former value was read before.
  // A ref that cannot be read may name any object, so no object counts as unreachable then.
  const listing = await refs.list('refs/');
  if (!lenient) requireAll(listing, 'nothing is removed');
  for (const { ref, id } of listing.refs) firm.set(id, ref);
  if (!lenient) for (const name of strayNames(gitDir)) keepIds(textOf(gitDir, name));
  for (const id of packedStrays(gitDir)) loose.add(id);
  for (const folder of ['', ...worktrees(gitDir)]) {
    for (const name of namesIn(gitDir, folder)) {
      const path = `${folder}${name}`;
      if (/^[A-Z_]*HEAD$/.test(name)) keepIds(textOf(gitDir, path));
      // A link to another index file, of which only the differences are in `index` (split-index).
      if (name === 'index' || name.startsWith('sharedindex.')) {
        const bytes = bytesOf(gitDir, path);
        if (bytes !== undefined) for (const id of idsInIndex(bytes)) firm.set(id, path);
      }
    }
    for (const log of filesBelow(gitDir, `${folder}logs`)) readLog(gitDir, log, loose);
    if (folder !== '') {
      for (const ref of filesBelow(gitDir, `${folder}refs`)) keepIds(textOf(gitDir, ref));
    }
  }
  // New values of refs, of a writer that may have died. Bytes behind the record are of older writers.
  keepIds(textOf(gitDir, 'gitstore.lock').split('\n\n', 1)[0]!);
  for (const name of namesIn(gitDir, `${PRIVATE_DIRECTORY}/`)) {
    if (/^ref-\d+$/.test(name)) keepIds(textOf(gitDir, `${PRIVATE_DIRECTORY}/${name}`));
  }
  const shallow = parseShallow(textOf(gitDir, 'shallow'));
  return { firm, loose, shallow };
}

/**
 * Files below `refs/` whose names no ref can have, such as `main (conflicted copy)` of a program that syncs
 * folders, or a lock file of Git with a new value. They may hold the value of a ref.
 */
export function strayNames(gitDir: string): string[] {
  return namesBelowRefs(gitDir, 'refs/').files.filter((name) => !isValidRefName(name));
}

/** Values in packed-refs under such names. */
function packedStrays(gitDir: string): ObjectId[] {
  const bytes = bytesOf(gitDir, 'packed-refs');
  if (bytes === undefined) return [];
  const { entries } = parsePackedRefs(bytes);
  return entries.filter(({ ref }) => !isValidRefName(ref)).map(({ id }) => id);
}

/** The folders of linked working trees, each with its slash. */
function worktrees(gitDir: string): string[] {
  return namesIn(gitDir, 'worktrees/').map((name) => `worktrees/${name}/`);
}

/** Old and new value of every line. */
function readLog(gitDir: string, log: string, found: Set<ObjectId>): void {
  const bytes = bytesOf(gitDir, log);
  if (bytes === undefined) return;
  for (let at = 0; at + 81 <= bytes.length; ) {
    for (const start of [at, at + 41]) {
      const id = bytes.toString('latin1', start, start + 40);
      if (isObjectId(id) && id !== ZERO_ID) found.add(id);
    }
    const end = bytes.indexOf(LINE_FEED, at);
    if (end === -1) return;
    at = end + 1;
  }
}

/** Names below the Git directory of all files in a folder and the folders in it. */
export function* filesBelow(gitDir: string, folder: string): Generator<string> {
  yield* filesIn(gitDir, folder, [realPathOf(gitDir, folder)]);
}

/** @param above the folders on the way here, so that links do not lead in circles */
function* filesIn(gitDir: string, folder: string, above: readonly string[]): Generator<string> {
  for (const entry of entriesIn(gitDir, folder)) {
    const name = `${folder}/${entry.name}`;
    const isLink = entry.isSymbolicLink();
    if (!(isLink ? isDirectory(gitDir, name) : entry.isDirectory())) {
      yield name;
      continue;
    }
    const real = isLink ? realPathOf(gitDir, name) : `${above.at(-1)}/${entry.name}`;
    if (!above.includes(real)) yield* filesIn(gitDir, name, [...above, real]);
  }
}

function realPathOf(gitDir: string, name: string): string {
  try {
    return realpathSync(diskPath(gitDir, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return name;
    throw unreadableRef(name, reasonOf(error), error);
  }
}

function isDirectory(gitDir: string, name: string): boolean {
  try {
    return statSync(diskPath(gitDir, name), { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw unreadableRef(name, reasonOf(error), error);
  }
}

function entriesIn(gitDir: string, folder: string): DirectoryEntry[] {
  try {
    return readEntriesSync(diskPath(gitDir, folder));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw unreadableRef(folder, reasonOf(error), error);
  }
}

function namesIn(gitDir: string, folder: string): string[] {
  return entriesIn(gitDir, folder).map(({ name }) => name);
}

export function bytesOf(gitDir: string, name: string): Buffer | undefined {
  try {
    return readFileSync(diskPath(gitDir, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw unreadableRef(name, reasonOf(error), error);
  }
}

function textOf(gitDir: string, name: string): string {
  return bytesOf(gitDir, name)?.toString('latin1') ?? '';
}

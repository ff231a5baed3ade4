/**
 * What keeps objects: refs, their logs, heads and index files, those of other working trees too.
 * *Firm* roots must be there; *loose* ones (old values in logs, what an unfinished operation names)
 * keep what they name if it is still there.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { idsInIndex } from '../../../git/indexFile.ts';
import { isObjectId, type ObjectId, ZERO_ID } from '../../../git/objectId.ts';
import { decodePath } from '../../../git/pathBytes.ts';
import type { RefStore } from '../../storage.ts';
import { isErrno } from '../durable.ts';
import { diskPath } from '../refPaths.ts';
import { parseShallow } from '../shallowFile.ts';
import { PRIVATE_DIRECTORY } from '../storeLock.ts';

const LINE_FEED = 10;

export interface Roots {
  /** Id → what names it, for messages. */
  readonly firm: ReadonlyMap<ObjectId, string>;
  readonly loose: ReadonlySet<ObjectId>;
  /** Commits whose parents were left out when the repository was cloned. */
  readonly shallow: ReadonlySet<ObjectId>;
}

export async function readRoots(gitDir: string, refs: RefStore): Promise<Roots> {
  const firm = new Map<ObjectId, string>();
  const loose = new Set<ObjectId>();
  const keepIds = (text: string): void => {
    for (const [id] of text.matchAll(/\b[0-9a-f]{40}\b/g)) if (id !== ZERO_ID) loose.add(id);
  };
  // Refs may move while they are read. Their logs are read after them: a value that a ref got
  // meanwhile stands there, and one that it had was read before.
  for (const { ref, id } of await refs.list('refs/')) firm.set(id, ref);
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
  // Values on their way to refs, of a writer that may have died.
  keepIds(textOf(gitDir, 'gitstore.lock'));
  for (const name of namesIn(gitDir, `${PRIVATE_DIRECTORY}/`)) {
    if (/^ref-\d+$/.test(name)) keepIds(textOf(gitDir, `${PRIVATE_DIRECTORY}/${name}`));
  }
  const shallow = parseShallow(textOf(gitDir, 'shallow'));
  return { firm, loose, shallow };
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
  for (const entry of entriesIn(gitDir, folder)) {
    const name = `${folder}/${decodePath(entry.name)}`;
    if (entry.isDirectory()) yield* filesBelow(gitDir, name);
    else yield name;
  }
}

function entriesIn(gitDir: string, folder: string) {
  try {
    return readdirSync(diskPath(gitDir, folder), { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function namesIn(gitDir: string, folder: string): string[] {
  return entriesIn(gitDir, folder).map(({ name }) => decodePath(name));
}

function bytesOf(gitDir: string, name: string): Buffer | undefined {
  try {
    return readFileSync(diskPath(gitDir, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

function textOf(gitDir: string, name: string): string {
  return bytesOf(gitDir, name)?.toString('latin1') ?? '';
}

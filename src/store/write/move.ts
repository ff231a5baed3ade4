/** Removes and moves within a snapshot. Both edit tree entries, without reading blobs. */
import { FileNotFoundError, GitStoreError, InvalidPathError } from '../../errors.ts';
import { isTreeMode, type TreeEntry } from '../../git/objects/tree.ts';
import {
  baseName,
  checkWritablePath,
  isWithin,
  joinPath,
  normalizePath,
} from '../../tree/paths.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { type CommitChoices, commitEdits, inSession, type Outcome } from '../commit/commit.ts';
import { isADirectory, notADirectory } from '../context/pathErrors.ts';
import { branchOf, type Snapshot } from '../context/snapshot.ts';
import { requireEntry } from '../read/read.ts';
import { Staging } from './staging.ts';

export interface ReshapeChoices extends CommitChoices {
  /** Include directories. */
  readonly recursive: boolean;
  /** Only report what would change. */
  readonly dryRun: boolean;
}

/** Removes files and directories. */
export async function removePaths(
  snapshot: Snapshot,
  paths: readonly string[],
  choices: ReshapeChoices,
): Promise<Outcome> {
  branchOf(snapshot);
  const staging = new Staging(snapshot.store.trees, snapshot.commit.tree);
  for (const path of paths) {
    choices.signal?.throwIfAborted();
    await staging.remove(path, choices.recursive);
  }
  return finish(snapshot, staging, choices);
}

/** An entry to move, with its old and new path. */
interface Move {
  readonly entry: TreeEntry;
  readonly from: string;
  readonly to: string;
}

/**
 * Moves files and directories as mv(1) does: into `dest` when that is a directory, ends in `/`, or
 * there are several sources, else to exactly `dest`. Files in the way are replaced.
 */
export async function movePaths(
  snapshot: Snapshot,
  sources: readonly string[],
  dest: string,
  choices: ReshapeChoices,
): Promise<Outcome> {
  branchOf(snapshot);
  const moves = await planMoves(snapshot, sources, dest, choices.recursive);
  const staging = new Staging(snapshot.store.trees, snapshot.commit.tree);
  for (const { from } of moves) {
    choices.signal?.throwIfAborted();
    await staging.remove(from, true);
  }
  for (const { entry, from, to } of moves) {
    if (isTreeMode(entry.mode)) {
      await checkDirectory(staging, to);
      await staging.graft(to, entry, from);
    } else {
      staging.putMoved(to, entry, from, await staging.checkFile(to));
    }
  }
  return finish(snapshot, staging, choices);
}

async function planMoves(
  snapshot: Snapshot,
  sources: readonly string[],
  dest: string,
  recursive: boolean,
): Promise<Move[]> {
  if (sources.length === 0) throw new InvalidPathError('There is nothing to move', { path: dest });
  const target = normalizePath(dest);
  const standing = await snapshot.store.trees.lookup(snapshot.commit.tree, target);
  const isDirectory = standing !== undefined && fileTypeOf(standing.mode) === 'tree';
  const into = isDirectory || sources.length > 1 || dest.endsWith('/');
  if (into && standing !== undefined && !isDirectory) {
    throw notADirectory(dest);
  }
  const moves: Move[] = [];
  for (const source of sources) {
    const from = normalizePath(source);
    if (from === '') throw new InvalidPathError('Cannot move the root directory', { path: source });
    const entry = await requireEntry(snapshot, source);
    checkSource(entry, source, recursive);
    const to = checkWritablePath(into ? joinPath(target, baseName(from)) : target);
    checkPlaces(moves, { entry, from, to });
    moves.push({ entry, from, to });
  }
  return moves;
}

function checkSource(entry: TreeEntry, source: string, recursive: boolean): void {
  const isDirectory = fileTypeOf(entry.mode) === 'tree';
  if (isDirectory && !recursive) {
    throw isADirectory(source);
  }
  if (!isDirectory && source.endsWith('/')) {
    throw notADirectory(source);
  }
}

/** Refuses moves that are invalid, alone or together with earlier ones. */
function checkPlaces(moves: readonly Move[], { from, to }: Move): void {
  const refuse = (why: string): never => {
    throw new GitStoreError(why, 'EINVAL', { path: from });
  };
  if (from === to) refuse(`Cannot move onto itself: ${from}`);
  if (isWithin(to, from)) refuse(`Cannot move into itself: ${from} to ${to}`);
  for (const other of moves) {
    if (other.to === to) refuse(`Both ${other.from} and ${from} would become ${to}`);
    if (isWithin(from, other.from) || isWithin(other.from, from)) {
      throw new FileNotFoundError(`Moved already, as a part of another source: ${from}`, {
        path: from,
      });
    }
  }
}

/** Checks that a directory can be put at a path, which must be free or become free. */
async function checkDirectory(staging: Staging, path: string): Promise<void> {
  const standing = await staging.standing(path);
  if (standing.kind === 'file') throw notADirectory(path);
  if (standing.kind === 'directory') {
    throw new GitStoreError(`${path}: directory is not empty`, 'ENOTEMPTY', { path });
  }
  await staging.checkParents(path);
}

function finish(snapshot: Snapshot, staging: Staging, choices: ReshapeChoices): Promise<Outcome> {
  const changes = staging.report();
  if (choices.dryRun) return Promise.resolve({ snapshot, changes });
  return inSession(snapshot.store, (writer) =>
    commitEdits(snapshot, writer, staging.edits, changes, { ...choices, from: [] }),
  );
}

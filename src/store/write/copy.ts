/**
 * Copies between the local disk and a snapshot, by `transfer/`. Loaded on first use: most programs that
 * read or write files never copy.
 */

import { monotonicTime } from '../../clock.ts';
import { type CopyMessage, tell } from '../../diagnostics.ts';
import { StaleSnapshotError } from '../../errors.ts';
import { typedFault } from '../../systemFaults.ts';
import type { CopyInOptions, CopyOptions, PathSelection } from '../../transfer/rules/options.ts';
import type { ChangeReport } from '../../tree/changes.ts';
import { type CommitChoices, commitEdits, inSession, type Outcome } from '../commit/commit.ts';
import type { StoreContext } from '../context/context.ts';
import { branchOf, type Snapshot } from '../context/snapshot.ts';

/** Copies files and directories of the local disk to `dest` and commits them. */
export async function copyFromDisk(
  snapshot: Snapshot,
  sources: readonly string[],
  dest: string,
  options: CopyInOptions & PathSelection,
  choices: CommitChoices,
): Promise<Outcome> {
  const { name: branch } = branchOf(snapshot);
  const { store, commit } = snapshot;
  const { trees, memos, folder: storePath } = store;
  const target = { trees, root: commit.tree, storePath, memos };
  const told = copyTold(store, 'in');
  const { copyIn: copy } = await import('../../transfer/in/copyIn.ts');
  const copyIn: typeof copy = (...args) => copy(...args).catch(toldOf(dest));
  if (options.dryRun === true) {
    const { report } = await copyIn({ ...target, writer: null }, sources, dest, options);
    return { snapshot, changes: report };
  }
  return inSession(store, async (writer) => {
    const result = await copyIn({ ...target, writer }, sources, dest, options);
    const meanwhile = whileWaiting(result.prepareRecords);
    try {
      const outcome = await commitEdits(snapshot, writer, result.edits, result.report, choices);
      result.saveRecords();
      result.remember(branch);
      told(outcome.changes);
      return outcome;
    } catch (error) {
      // The blobs are stored anyway, so another attempt need not read the files again.
      if (error instanceof StaleSnapshotError) result.saveRecords();
      throw error;
    } finally {
      clearImmediate(meanwhile);
    }
  });
}

/** A function to call with the report of a successful copy, for tracing. */
function copyTold(
  store: StoreContext,
  direction: CopyMessage['direction'],
): (changes: ChangeReport) => void {
  const began = monotonicTime();
  return ({ add, update, delete: deleted, errors }) =>
    tell('gitstore:copy', () => ({
      store: store.location,
      direction,
      add: add.length,
      update: update.length,
      delete: deleted.length,
      errors: errors.length,
      milliseconds: monotonicTime() - began,
    }));
}

/** Converts failures other than those of copied files to our errors. */
function toldOf(place: string): (error: unknown) => never {
  return (error) => {
    throw typedFault(error, place);
  };
}

/** Sources in one snapshot. */
export interface SnapshotSources {
  readonly from: Snapshot;
  readonly sources: readonly string[];
}

/** Copies files and directories of snapshots, of the one store, to the local disk. */
export async function copyToDisk(
  snapshot: Snapshot,
  groups: readonly SnapshotSources[],
  dest: string,
  options: CopyOptions,
): Promise<Outcome> {
  const { trees, memos, folder: storePath } = snapshot.store;
  const branch = snapshot.ref?.kind === 'branch' ? snapshot.ref.name : undefined;
  const { copyOut } = await import('../../transfer/out/copyOut.ts');
  const all = groups.map(({ from: { commit }, sources }) => {
    return { root: commit.tree, time: new Date(commit.committer.time * 1000), sources };
  });
  const place = { trees, storePath, memos, branch };
  const told = copyTold(snapshot.store, 'out');
  const changes = await copyOut(place, all, dest, options).catch(toldOf(dest));
  if (options.dryRun !== true) told(changes);
  return { snapshot, changes };
}

/** Copies from other snapshots of the store into the snapshot's branch. */
export async function copyFromSnapshots(
  snapshot: Snapshot,
  groups: readonly SnapshotSources[],
  dest: string,
  options: CopyOptions,
  choices: CommitChoices,
): Promise<Outcome> {
  branchOf(snapshot);
  const told = copyTold(snapshot.store, 'across');
  const all = groups.map(({ from, sources }) => ({ root: from.commit.tree, sources }));
  const target = { trees: snapshot.store.trees, root: snapshot.commit.tree };
  const { copyAcross } = await import('../../transfer/in/copyAcross.ts');
  const { edits, report } = await copyAcross(target, all, dest, options);
  if (options.dryRun) return { snapshot, changes: report };
  const from = groups.map((group) => group.from);
  const outcome = await inSession(snapshot.store, (writer) =>
    commitEdits(snapshot, writer, edits, report, { ...choices, from }),
  );
  told(outcome.changes);
  return outcome;
}

/** Runs work as soon as the event loop is idle, while the commit waits for the disk. */
function whileWaiting(work: () => void): NodeJS.Immediate {
  return setImmediate(() => {
    try {
      work();
    } catch {
      // The caller that needs the result gets the error there.
    }
  });
}

/**
 * Merging with folders: a source may be the folder of a workspace, which is stored first, and so may be
 * what is merged into.
 */
import { hostname } from 'node:os';
import { GitStoreError, KeyNotFoundError } from '../../errors.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { realFolder } from '../../workspace/folders.ts';
import type { MergedHome } from '../../workspace/options.ts';
import { Workspace } from '../../workspace/workspace.ts';
import type { DryRunOption } from '../arguments/options.ts';
import { isFolder, snapshotOfRef } from '../arguments/snapshots.ts';
import { escapeControls } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { mergeRecord } from '../output/json.ts';
import { printLine, printNote, showName } from '../output/output.ts';
import { Progress, shownBy } from '../output/progress.ts';
import { commit } from './commit.ts';
import { inSteps, type MergingOptions, printConflicts, rulesOf } from './merging.ts';
import { countsOf, isWorkspace, printProblems } from './workspaces.ts';

interface FolderMergingOptions extends MergingOptions {
  /** False with `--no-ff`. */
  readonly ff: boolean;
}

/**
 * The snapshot of a ref, or of a workspace's folder as it is now.
 * @throws KeyNotFoundError for a folder that is no workspace of the store
 */
export async function snapshotOfSource(
  store: GitStore,
  source: string,
  { dryRun }: DryRunOption,
  signal?: AbortSignal,
): Promise<FS> {
  if (!isFolder(source)) return snapshotOfRef(store, source);
  const folder = realFolder(source);
  if (!(await isWorkspace(store, folder))) {
    throw new KeyNotFoundError(
      `No workspace of this repository: ${source} ('workspaces' lists them)`,
      { ref: source },
    );
  }
  await using workspace = await Workspace.open(folder, { store });
  return dryRun ? await previewed(workspace) : await workspace.checkpoint({ signal });
}

/** Merges sources into a folder and its branch. */
export async function mergeIntoFolder(
  store: GitStore,
  folder: string,
  sources: readonly string[],
  options: FolderMergingOptions,
): Promise<void> {
  const { dryRun, format, ff: fastForward } = options;
  const progress = new Progress('Looking');
  const rules = { ...rulesOf(options), fastForward };
  const work = async (signal: AbortSignal): Promise<true> => {
    await using workspace = await Workspace.open(folder, { store });
    const found: FS[] = [];
    for (const source of sources) {
      found.push(await snapshotOfSource(store, source, options, signal));
    }
    await inSteps(found, options, async (source, tags, listing) => {
      let merged: MergedHome | undefined;
      const tell = async (fs: FS): Promise<void> => {
        progress.stop();
        const report = merged?.changes;
        if (format === 'text') await printMerged(fs);
        else {
          const { errors = [], warnings = [] } = report ?? {};
          await listing.add('', () => ({ ...mergeRecord(fs, dryRun), errors, warnings }));
        }
        if (report !== undefined) printProblems(report);
      };
      const choices = {
        ...options,
        ...tags,
        verbose: false,
        tell: dryRun && format === 'text' ? undefined : tell,
      };
      await commit(store, choices, async (details) => {
        const { staleWrites: _, ...how } = { ...details, ...rules };
        if (dryRun) {
          const planned = await (await previewed(workspace)).merge(source, how);
          if (format === 'text') await printConflicts(planned.changes!.conflicts);
          return planned;
        }
        const onProgress = shownBy(progress, 'Writing');
        merged = await workspace.merge(source, { ...how, signal, onProgress });
        return merged.snapshot;
      });
    });
    return true;
  };
  try {
    await withSignals(work, (isDone) =>
      isDone || dryRun ? 'it was done' : 'give the command again to finish it',
    );
  } finally {
    progress.stop();
  }
}

/**
 * Tells of folders on this machine whose next checkpoint takes a merge into their branch alone back.
 * @param before the branch's commit before the merges; undefined: it did not exist
 */
export async function warnOfFolders(
  store: GitStore,
  branch: string,
  before: string | undefined,
): Promise<void> {
  const warn = (text: string) => printNote(escapeControls(`Warning: ${text}`));
  try {
    if ((await store.branches.find(branch))?.commitHash === before) return;
    for (const { path, host, branch: its } of await Workspace.list(store)) {
      if (its !== branch || host !== hostname()) continue;
      warn(
        `${showName(path)} holds branch '${branch}' and has not changed, so its next checkpoint takes this merge back; 'merge --dir' changes both`,
      );
    }
  } catch (error) {
    // The merges stand, whatever else is wrong.
    if (!(error instanceof GitStoreError)) throw error;
    warn(error.message);
  }
}

/** The newest checkpoint, for a dry run. Tells what that does not see. */
async function previewed(workspace: Workspace): Promise<FS> {
  const { entries, since } = await workspace.changes();
  const count = entries.length;
  if (count > 0) {
    printNote(
      escapeControls(
        `Warning: ${showName(workspace.path)} has ${count} ${count === 1 ? 'change' : 'changes'} that no checkpoint holds; -n does not see them`,
      ),
    );
  }
  return since;
}

async function printMerged({ commitHash, changes }: FS): Promise<void> {
  await printConflicts(changes!.conflicts);
  const what = changes!.inSync ? 'nothing has changed' : countsOf(changes!);
  await printLine(`${shortHash(commitHash)}  ${what}`);
}

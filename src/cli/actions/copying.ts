/**
 * Copying in all directions: which one the arguments mean, and what is printed. The copying itself
 * is the library's.
 */
import type { Command } from 'commander';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { LocalPath, RefPath, RepositoryPath } from '../../store/refs/refPath.ts';
import type { CopyProgress } from '../../transfer/rules/options.ts';
import type { ChangeReport } from '../../tree/changes.ts';
import { normalizePath } from '../../tree/paths.ts';
import {
  type CopyChoices,
  FILTERS,
  libraryOptions,
  ONLY_COMMIT,
  ONLY_FROM_DISK,
  refuseOptions,
} from '../arguments/copyOptions.ts';
import { expandLocalGlobs } from '../arguments/localGlobs.ts';
import { snapshotsOf, writableBranch } from '../arguments/snapshots.ts';
import { type Expansion, expandGlobs } from '../arguments/sources.ts';
import { EXIT_FAILED, escapeControls, UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { printRecord, reportRecord } from '../output/json.ts';
import { printNote, showName } from '../output/output.ts';
import { Progress, shownBy } from '../output/progress.ts';
import { requireSources } from '../repository/onDisk.ts';
import { isVerbose, withStore } from '../repository/repository.ts';
import {
  type CommitDetails,
  commitOn,
  fateOfCommit,
  NOTHING_TO_CHANGE,
  printChanges,
  printPlan,
  resultOf,
} from './commit.ts';

/** Copies `sources` to `dest` in whichever direction they say. */
export async function copyBetween(
  command: Command,
  sources: readonly RefPath[],
  dest: RefPath,
  options: CopyChoices,
): Promise<void> {
  const local = sources.filter((source) => source.kind === 'local');
  const stored = sources.filter((source) => source.kind === 'repository');
  if (local.length > 0 && stored.length > 0) {
    throw new UsageError(
      `Sources must be all on disk or all in the repository; '${local[0]!.path}' is on disk`,
    );
  }
  if (dest.kind === 'local') {
    if (local.length > 0) {
      throw new UsageError(
        `No path here is in the repository: write ':${dest.path}' to copy into it`,
      );
    }
    await copyToDisk(command, stored, dest, options);
  } else if (local.length > 0) {
    await copyFromDisk(command, local, dest, options);
  } else {
    await copyAcross(command, stored, dest, options);
  }
}

async function copyFromDisk(
  command: Command,
  sources: readonly LocalPath[],
  dest: RepositoryPath,
  options: CopyChoices,
): Promise<void> {
  refuseOptions(options, FILTERS, 'when the sources are on disk');
  const { followSymlinks, gitignore, type: mode, glob, create, dryRun, watch } = options;
  const copy = await libraryOptions(options);
  const { paths, isGlob } = await expandLocalGlobs(
    sources.map(({ path }) => path),
    glob,
  );
  const place = isGlob ? asDirectory(dest.path) : dest.path;
  if (create && watch === undefined) await requireSources(command, paths);
  await withStore(
    command,
    async (store) => {
      const branch = await writableBranch(store, dest, options);
      const copyOnce = (signal: AbortSignal, tells = false): Promise<FS> =>
        commitCopy(command, store, branch, { ...options, tells }, (fs, details) =>
          fs.copyIn(paths, place, {
            ...copy,
            ...details,
            followSymlinks,
            gitignore,
            mode,
            signal,
          }),
        );
      if (watch === undefined) {
        return void (await withSignals((signal) => copyOnce(signal, true), fateOfCommit(options)));
      }
      const { watchAndSync } = await import('./watching.ts');
      const filter = { exclude: copy.exclude, gitignore, follow: followSymlinks };
      const [path, ...others] = paths;
      if (path === undefined || others.length > 0) {
        throw new UsageError('--watch takes a single directory');
      }
      const name = `:${normalizePath(dest.path)} on ${branch}`;
      await watchAndSync({ store, path, name, debounce: watch, filter, sync: copyOnce });
    },
    {
      live: watch !== undefined,
      create: create && dest.back === 0,
      branch: dest.ref || options.branch,
      dryRun,
    },
  );
}

async function copyAcross(
  command: Command,
  sources: readonly RepositoryPath[],
  dest: RepositoryPath,
  options: CopyChoices,
): Promise<void> {
  refuseOptions(options, ONLY_FROM_DISK, 'when the sources are in the repository');
  const copy = await libraryOptions(options);
  await withStore(command, async (store) => {
    const branch = await writableBranch(store, dest, options);
    // With --ref the branch is that of the destination alone.
    const from = options.ref === undefined ? options : { ...options, branch: undefined };
    const { groups, isGlob } = await groupSources(store, sources, from);
    const place = isGlob ? asDirectory(dest.path) : dest.path;
    await withSignals(
      (signal) =>
        commitCopy(command, store, branch, { ...options, tells: true }, (fs, details) =>
          fs.copyFromRefs(groups, place, { ...copy, ...details, signal }),
        ),
      fateOfCommit(options),
    );
  });
}

async function copyToDisk(
  command: Command,
  sources: readonly RepositoryPath[],
  dest: LocalPath,
  options: CopyChoices,
): Promise<void> {
  refuseOptions(options, [...ONLY_FROM_DISK, ...ONLY_COMMIT], 'when the destination is on disk');
  const copy = await libraryOptions(options);
  await withStore(command, async (store) => {
    const { groups, isGlob } = await groupSources(store, sources, options);
    const place = isGlob ? asDirectory(dest.path) : dest.path;
    const progress = new Progress('Copying');
    const isPlan = options.dryRun === true;
    await withSignals(
      async (signal) => {
        try {
          const { changes } = await groups[0]!.source.copyRefsOut(groups, place, {
            ...copy,
            onProgress: shownBy(progress, 'Copying'),
            signal,
          });
          progress.stop();
          if (changes === null) return;
          if (options.format !== 'text') {
            const record = () => ({ hash: null, ...reportRecord(changes) });
            await printRecord(options.format, undefined, record);
          } else if (isPlan) await printPlan(changes, '');
          else if (isVerbose(command)) printChanges(changes, '');
          printProblems(changes);
          if (!isPlan) progress.done(changes.inSync ? NOTHING_TO_CHANGE : `→ ${showName(place)}`);
        } finally {
          progress.stop();
        }
      },
      () => (isPlan ? 'nothing was copied' : `${showName(place)} may hold a part of the files`),
    );
  });
}

/** Sources on one snapshot, as the library takes them. */
interface SourceGroup {
  readonly source: FS;
  readonly paths: readonly string[];
}

/** The sources in the repository in their order, globs expanded, with the snapshots they lie in. */
async function groupSources(
  store: GitStore,
  sources: readonly RepositoryPath[],
  options: CopyChoices,
): Promise<{ groups: SourceGroup[]; isGlob: boolean }> {
  const groups: { readonly source: FS; readonly paths: string[] }[] = [];
  for (const [i, source] of (await snapshotsOf(store, sources, options)).entries()) {
    const last = groups.at(-1);
    if (last?.source === source) last.paths.push(sources[i]!.path);
    else groups.push({ source, paths: [sources[i]!.path] });
  }
  const expanded: (SourceGroup & Expansion)[] = [];
  for (const { source, paths } of groups) {
    expanded.push({ source, ...(await expandGlobs(source, paths, options.glob)) });
  }
  return { groups: expanded, isGlob: expanded.some(({ isGlob }) => isGlob) };
}

/**
 * The destination as one that sources go into by their names. What a glob matches does, were it one
 * file: where it lands is not to depend on how many there are.
 */
function asDirectory(path: string): string {
  return path === '' || path.endsWith('/') ? path : `${path}/`;
}

/** Commits a copy, with its progress on the terminal and its problems on stderr. */
async function commitCopy(
  command: Command,
  store: GitStore,
  branch: string,
  options: CopyChoices & { readonly tells: boolean },
  copy: (fs: FS, details: CopyDetails) => Promise<FS>,
): Promise<FS> {
  const { operation = 'cp', dryRun, tells } = options;
  const choices = { ...options, verbose: isVerbose(command) };
  const progress = new Progress('Copying');
  try {
    const fs = await commitOn(store, branch, choices, async (tip, details) => {
      const done = await copy(tip, {
        ...details,
        operation,
        onProgress: shownBy(progress, 'Copying'),
      });
      progress.stop();
      return done;
    });
    if (fs.changes) printProblems(fs.changes);
    if (tells && !dryRun) progress.done(resultOf(fs));
    return fs;
  } finally {
    progress.stop();
  }
}

interface CopyDetails extends CommitDetails {
  readonly operation: string;
  readonly onProgress: OnProgress;
}

type OnProgress = (progress: CopyProgress) => void;

/** Warnings and errors on stderr. Errors that were carried past make the command fail in the end. */
export function printProblems({ warnings, errors }: ChangeReport): void {
  for (const { path, error } of warnings) printNote(escapeControls(`Warning: ${path}: ${error}`));
  for (const { path, error } of errors) printNote(escapeControls(`ERROR: ${path}: ${error}`));
  if (errors.length > 0) process.exitCode = EXIT_FAILED;
}

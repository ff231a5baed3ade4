/**
 * Which snapshot an argument and the options around it mean. The one place where refs, `-b` and the
 * filters (`--ref`, `--path`, `--match`, `--before`, `--back`) come together, and where what
 * contradicts itself is refused.
 */
import { isAbsolute } from 'node:path';
import { GitStoreError, KeyNotFoundError, PermissionError } from '../../errors.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { parseRefTarget, type RefTarget, type RepositoryPath } from '../../store/refs/refPath.ts';
import { parseArgument, UsageError } from '../errors.ts';
import type { BranchOption, FilterOptions } from './options.ts';

/** No commit passes the filters. */
export class NoMatchError extends GitStoreError {}

/** A ref, and how many first parents to go back from it. */
type NamedCommit = Pick<RefTarget, 'ref' | 'back'>;

export type Selection = BranchOption & FilterOptions;

/** The branch that `-b` names, else the one of HEAD, else `main`. */
export async function defaultBranch(store: GitStore, options: BranchOption): Promise<string> {
  return options.branch ?? (await store.branches.currentName()) ?? 'main';
}

/**
 * The snapshots that paths lie in, one for each path and the same one for the same ref.
 * @throws UsageError when the options contradict the refs in the paths
 */
export async function snapshotsOf(
  store: GitStore,
  paths: readonly NamedCommit[],
  options: Selection,
): Promise<FS[]> {
  refuseBranchAndRef(options);
  checkAgainstPaths(paths, options);
  const branch = await defaultBranch(store, options);
  const names = paths.map(({ ref, back }) =>
    back === 0 ? ref || branch : `${ref || branch}~${back}`,
  );
  const distinct = new Set(names);
  const filter = firstFilter(options);
  if (filter !== undefined && distinct.size > 1) {
    throw new UsageError(
      `${filter} cannot be used with paths on different refs (${[...distinct].join(', ')})`,
    );
  }
  const found = new Map<string, FS>();
  for (const [i, name] of names.entries()) {
    if (!found.has(name)) found.set(name, await findSnapshot(store, paths[i]!, options));
  }
  return names.map((name) => found.get(name)!);
}

/**
 * The snapshot that `named` and the options mean: first the ref, then the newest commit that fits
 * path, match and before together, then back.
 */
export async function findSnapshot(
  store: GitStore,
  named: NamedCommit,
  options: Selection,
): Promise<FS> {
  return filterSnapshot(await openNamed(store, named, options), options);
}

/** From a snapshot back to the newest that fits path, match and before together, then back. */
export async function filterSnapshot(start: FS, options: FilterOptions): Promise<FS> {
  const { path, match, before } = options;
  const isFiltered = path !== undefined || match !== undefined || before !== undefined;
  const fs = isFiltered ? await newest(start.log({ path, match, before })) : start;
  return options.back ? fs.back(options.back) : fs;
}

/**
 * A ref, a path or both, as an argument of a command says it; without one the current branch.
 * @throws UsageError also for an empty one, which mostly is a script's variable that was never set
 */
export function parseTarget(argument: string | undefined): RefTarget {
  if (argument === '') throw new UsageError('An empty argument names no ref');
  return parseArgument(parseRefTarget, argument ?? '');
}

/** Whether the source of a merge is a folder: an absolute path, or one that starts with a dot. No ref does. */
export function isFolder(source: string): boolean {
  return source.startsWith('.') || isAbsolute(source);
}

/** The snapshot that a ref on the command line names: `main`, `v1.0~2`, `~1`, `abc1234`. */
export async function snapshotOfRef(store: GitStore, text: string): Promise<FS> {
  const target = parseTarget(text);
  if (target.path !== undefined) throw new UsageError(`A ref is meant, not a path: '${text}'`);
  return openNamed(store, target, {});
}

async function openNamed(store: GitStore, named: NamedCommit, options: Selection): Promise<FS> {
  let fs: FS;
  if (named.ref !== '') fs = await store.fs(named.ref);
  else if (options.ref !== undefined) fs = await snapshotOfRef(store, options.ref);
  else fs = await store.branches.get(await defaultBranch(store, options));
  return named.back > 0 ? fs.back(named.back) : fs;
}

async function newest(commits: AsyncIterable<FS>): Promise<FS> {
  for await (const commit of commits) return commit;
  throw new NoMatchError('No matching commits found', 'ENOENT');
}

/**
 * The branch that a path on the command line is to be written to.
 * @throws PermissionError when the path names a tag, a commit, or an older commit of a branch
 * @throws KeyNotFoundError when there is no such branch
 * @throws GitStoreError (`ENOTCOMMIT`) when the branch, else the tag, of this name stands for no commit
 */
export async function writableBranch(
  store: GitStore,
  path: RepositoryPath,
  options: BranchOption,
): Promise<string> {
  checkAgainstPaths([path], options);
  const name = path.ref || (await defaultBranch(store, options));
  if (path.back > 0) {
    throw new PermissionError(
      `Cannot write to a historical commit (remove ~${path.back} to write to '${name}')`,
      { ref: `${name}~${path.back}` },
    );
  }
  if ((await store.branches.find(name)) !== undefined) return name;
  if ((await store.tags.find(name)) !== undefined) {
    throw new PermissionError(`Cannot write to tag '${name}' — use a branch`, { ref: name });
  }
  const commit = await store.fs(name).catch(() => undefined);
  if (commit !== undefined) {
    throw new PermissionError(`Cannot write to commit '${name}' — use a branch`, { ref: name });
  }
  throw new KeyNotFoundError(`Branch not found: ${name}`, { ref: name });
}

/**
 * The one branch that several paths are to be written to.
 * @throws UsageError when they name different ones
 */
export async function commonWritableBranch(
  store: GitStore,
  paths: readonly RepositoryPath[],
  options: BranchOption,
): Promise<string> {
  const branches = new Set<string>();
  for (const path of paths) branches.add(await writableBranch(store, path, options));
  if (branches.size > 1) {
    throw new UsageError(`All paths must target the same branch (${[...branches].join(', ')})`);
  }
  return [...branches][0]!;
}

/** @throws UsageError when `-b`, `--ref` or `--back` meets a path that says the same itself */
export function checkAgainstPaths(paths: readonly NamedCommit[], options: Selection): void {
  for (const { ref, back } of paths) {
    if (ref !== '') refuseBoth(`'${ref}:' in a path`, branchOrRef(options));
    if (back > 0 && options.back !== undefined) {
      refuseBoth(`'~${back}' in a path`, `--back ${options.back}`);
    }
  }
}

/** @throws UsageError when an option says what the target says already */
export function checkAgainstTarget(target: RefTarget, options: Selection): void {
  refuseBranchAndRef(options);
  if (target.ref !== '') refuseBoth(`'${target.ref}'`, branchOrRef(options));
  if (target.back > 0 && options.back !== undefined) {
    refuseBoth(`'~${target.back}'`, `--back ${options.back}`);
  }
  if (target.path && options.path !== undefined && options.path !== target.path) {
    refuseBoth(`':${target.path}'`, `--path ${options.path}`);
  }
}

/** Both say where to begin. */
function refuseBranchAndRef({ branch, ref }: Selection): void {
  if (branch !== undefined && ref !== undefined) refuseBoth(`-b ${branch}`, `--ref ${ref}`);
}

/** What names the snapshot's ref among the options, as the user wrote it. */
function branchOrRef(options: Selection): string | undefined {
  if (options.branch !== undefined) return `-b ${options.branch}`;
  return options.ref === undefined ? undefined : `--ref ${options.ref}`;
}

function refuseBoth(argument: string, option: string | undefined): void {
  if (option !== undefined) throw new UsageError(`Give either ${argument} or ${option}, not both`);
}

/** The first option that was given and that chooses a snapshot. */
export function firstSelection(options: Selection): string | undefined {
  return branchOrRef(options)?.replace(/ .*/s, '') ?? firstFilter(options);
}

/** The first filter that was given and that only makes sense on one ref. */
function firstFilter({ before, path, match, back }: FilterOptions): string | undefined {
  if (before !== undefined) return '--before';
  if (path !== undefined) return '--path';
  if (match !== undefined) return '--match';
  return back === undefined ? undefined : '--back';
}

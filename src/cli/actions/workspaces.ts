/** What the commands on workspaces share: which folder is meant, its options, what is printed. */

import { dirname, relative, resolve, sep } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Labels } from '../../store/commit/labels.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { ChangeProblem, ChangeReport } from '../../tree/changes.ts';
import { realFolder } from '../../workspace/folders.ts';
import { findWorkspace } from '../../workspace/registry.ts';
import { Workspace } from '../../workspace/workspace.ts';
import { collect } from '../arguments/options.ts';
import { EXIT_FAILED, escapeControls, UsageError } from '../errors.ts';
import { printNote, showName } from '../output/output.ts';
import { withStore } from '../repository/repository.ts';

export interface FolderOptions {
  dir?: string | undefined;
  branch?: string | undefined;
  exclude?: string[] | undefined;
  gitignore?: boolean | undefined;
}

export function addFolder(command: Command): Command {
  return command
    .option(
      '--dir <dir>',
      'the folder (default: the workspace here or above, else the current one)',
    )
    .option('-b, --branch <name>', 'branch of the folder; remembered')
    .addOption(
      new Option(
        '--exclude <pattern>',
        'no part of the workspace, in gitignore syntax (repeatable); remembered',
      ).argParser(collect),
    )
    .option('--no-gitignore', 'take in what .gitignore files leave out; remembered')
    .option('--gitignore', 'leave that out (default for a new workspace)');
}

export function addLabels(command: Command, description: string): Command {
  return command.addOption(
    new Option('--label <name=value>', description).argParser(
      (text: string, before: Labels | undefined) => {
        const at = text.indexOf('=');
        if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE, as run=42.');
        return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
      },
    ),
  );
}

/** Runs `work` on the workspace that is meant, opened on the repository that is. */
export async function withWorkspace<T>(
  command: Command,
  options: FolderOptions,
  work: (workspace: Workspace) => Promise<T>,
  { create = false }: { readonly create?: boolean } = {},
): Promise<T> {
  const { branch } = options;
  return withStore(
    command,
    async (store) => {
      const folder = options.dir ?? (await workspaceAbove(store)) ?? '.';
      const workspace = await Workspace.open(folder, {
        store,
        branch,
        exclude: options.exclude,
        gitignore: options.gitignore,
      });
      try {
        return await work(workspace);
      } finally {
        await workspace.close();
      }
    },
    { create, branch },
  );
}

/** The paths as the workspace names them; undefined for none. @throws UsageError for one outside it */
export function pathsIn(workspace: Workspace, paths: readonly string[]): string[] | undefined {
  if (paths.length === 0) return undefined;
  const here = realFolder('.');
  return paths.map((path) => {
    const below = relative(workspace.path, resolve(here, path)).split(sep).join('/');
    if (below === '..' || below.startsWith('../')) {
      throw new UsageError(`${path} is not in the workspace ${workspace.path}`);
    }
    return below;
  });
}

/** Prints what was not done; the program then exits with 1. */
export function printProblems({
  errors,
  warnings,
}: {
  readonly errors: readonly ChangeProblem[];
  readonly warnings: readonly ChangeProblem[];
}): void {
  for (const { path, error } of warnings) {
    printNote(escapeControls(`Warning: ${showName(path)}: ${error}`));
  }
  for (const { path, error } of errors) {
    printNote(escapeControls(`Error: ${showName(path)}: ${error}`));
  }
  if (errors.length > 0) process.exitCode = EXIT_FAILED;
}

/** `+1 ~2 -3`, as far as there is something. */
export function countsOf({ add, update, delete: gone }: ChangeReport): string {
  const counts = [
    ['+', add.length],
    ['~', update.length],
    ['-', gone.length],
  ] as const;
  return counts
    .filter(([, count]) => count > 0)
    .map((count) => count.join(''))
    .join(' ');
}

/** The workspace of the store that the current folder is, or lies in. */
export async function workspaceAbove(store: GitStore): Promise<string | undefined> {
  for (let at = realFolder('.'); ; ) {
    if (await isWorkspace(store, at)) return at;
    const above = dirname(at);
    if (above === at) return undefined;
    at = above;
  }
}

/**
 * Whether a folder of this machine is a workspace of the store: another machine may have one at the same path.
 * @param folder with links resolved
 */
export async function isWorkspace(store: GitStore, folder: string): Promise<boolean> {
  return (await findWorkspace(store.context, folder)) !== undefined;
}

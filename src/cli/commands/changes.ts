/** `changes`: what a folder holds other than its newest checkpoint. */
import type { Command } from 'commander';
import type { WorkspaceChange } from '../../workspace/options.ts';
import {
  addFolder,
  type FolderOptions,
  pathsIn,
  printProblems,
  withWorkspace,
} from '../actions/workspaces.ts';
import { addFormat, type FormatOption } from '../arguments/options.ts';
import { snapshotOfRef } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { paintFor } from '../output/colour.ts';
import { Listing } from '../output/listing.ts';
import { showName } from '../output/output.ts';
import { addPatch, type PatchOption } from '../output/patchOptions.ts';
import { sizeText } from '../output/quantities.ts';
import { addExamples } from '../program.ts';

interface ChangesOptions extends FolderOptions, FormatOption, PatchOption {
  since?: string | undefined;
  long?: boolean | undefined;
}

const CHANGES = { added: 'add', modified: 'update', deleted: 'delete', type: 'type' } as const;
const LETTERS = { added: 'A', modified: 'M', deleted: 'D', type: 'T' } as const;
const STYLES = { added: 'green', modified: 'yellow', deleted: 'red', type: 'cyan' } as const;

export function define(command: Command): void {
  command
    .argument('[paths...]', 'only these files and directories')
    .option('--since <ref>', 'compare with a branch, tag or hash (default: the newest checkpoint)')
    .option('-l, --long', 'with sizes, before and after');
  addFolder(addPatch(addFormat(command)));
  addExamples(command, [
    ['gitstore changes', 'A added, M modified, D deleted, T another type'],
    ['gitstore changes -l src', 'in a directory, with sizes'],
    ['gitstore changes --patch', 'line by line'],
    ["gitstore changes --since 'main~3'", 'since three checkpoints ago'],
    ['gitstore changes --format json', 'for a program'],
  ]);
  command.action(async (paths: string[], options: ChangesOptions) => {
    await withWorkspace(command, options, async (workspace) => {
      const { store } = workspace;
      const since =
        options.since === undefined ? undefined : await snapshotOfRef(store, options.since);
      if (options.patch || options.stat) {
        if (options.format !== 'text') throw new UsageError('--patch and --stat are text');
        const { PatchPrinter } = await import('../output/patches.ts');
        const printer = new PatchPrinter(options);
        const only = pathsIn(workspace, paths);
        for await (const patch of workspace.patches(since, { paths: only })) {
          await printer.add(patch);
        }
        return printer.end();
      }
      const found = await workspace.changes(since, { paths: pathsIn(workspace, paths) });
      const paint = paintFor(options);
      const listing = new Listing(options.format);
      for (const change of found.entries) {
        const { path, kind, type, size, oldSize } = change;
        const line = `${paint(STYLES[kind], LETTERS[kind])}  ${showName(path)}${options.long ? sizes(change) : ''}`;
        await listing.add(line, () => ({
          path,
          change: CHANGES[kind],
          type,
          size: size ?? null,
          old_size: oldSize ?? null,
        }));
      }
      await listing.end();
      printProblems(found);
    });
  });
}

function sizes({ size, oldSize }: WorkspaceChange): string {
  const [before, after] = [oldSize, size].map((bytes) =>
    bytes === undefined ? '-' : sizeText(bytes),
  );
  return `  ${before} -> ${after}`;
}

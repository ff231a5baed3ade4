/** `workspaces`: the folders that a repository holds checkpoints of. */
import type { Command } from 'commander';
import { KeyNotFoundError } from '../../errors.ts';
import { Workspace } from '../../workspace/workspace.ts';
import { addFormat, type FormatOption } from '../arguments/options.ts';
import { Listing } from '../output/listing.ts';
import { showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface WorkspacesOptions extends FormatOption {
  forget?: string | undefined;
}

export function define(command: Command): void {
  command.option('--forget <folder>', 'forget a folder; it and its branch stay');
  addFormat(command);
  addExamples(command, [
    ['gitstore workspaces', 'branch and folder of each'],
    ['gitstore workspaces --forget /home/me/old', 'one that is gone'],
  ]);
  command.action(async ({ format, forget }: WorkspacesOptions) => {
    await withStore(command, async (store) => {
      if (forget !== undefined) {
        if (await Workspace.forget(store, forget)) return;
        throw new KeyNotFoundError(`No workspace of this repository: ${forget}`, { ref: forget });
      }
      const listing = new Listing(format);
      for (const { path, host, branch, exclude, gitignore } of await Workspace.list(store)) {
        const line = `${branch}  ${showName(path)}`;
        await listing.add(line, () => ({ path, host, branch, exclude, gitignore }));
      }
      await listing.end();
    });
  });
}

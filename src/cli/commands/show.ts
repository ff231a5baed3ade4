/** `show`: a commit with what it has changed, or a file or directory as it was. */
import type { Command } from 'commander';
import { printCommit } from '../commitText.ts';
import { Listing } from '../listing.ts';
import { addBranch, type BranchOption } from '../options.ts';
import { showName, writeData } from '../output.ts';
import { addPatch, type PatchOption } from '../patchOptions.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository.ts';
import { findSnapshot, parseTarget } from '../snapshots.ts';

export function define(command: Command): void {
  command.argument('[target]', 'a ref (main~2, v1.0, abc1234), or a path in one (main:file)');
  addPatch(addBranch(command));
  addExamples(command, [
    ['gitstore show', 'the newest commit and the lines that it has changed'],
    ['gitstore show --stat v1.0', 'another one, lines only counted'],
    ['gitstore show main~3:notes.txt', 'a file as it was'],
    ['gitstore show v1.0:docs', 'the names in a directory'],
  ]);
  command.action(async (argument: string | undefined, options: BranchOption & PatchOption) => {
    const target = parseTarget(argument);
    await withStore(command, async (store) => {
      const fs = await findSnapshot(store, target, { branch: options.branch });
      const { path } = target;
      if (path === undefined) {
        await printCommit(fs, { ...options, patch: options.patch ?? !options.stat });
      } else if (await fs.isDir(path)) {
        const listing = new Listing('text');
        for (const { name, fileType } of await fs.listdir(path)) {
          await listing.add(showName(fileType === 'tree' ? `${name}/` : name), () => name);
        }
        await listing.end();
      } else {
        for await (const chunk of fs.readStream(path)) await writeData(chunk);
      }
    });
  });
}

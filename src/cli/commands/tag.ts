/** `tag`: list, set, delete and query tags. */
import type { Command } from 'commander';
import {
  defineDelete,
  defineDeleted,
  defineExists,
  defineHash,
  defineList,
  type RefKind,
  settingRef,
  sourceSnapshot,
} from '../actions/refCommands.ts';
import { addBranch, addFilters } from '../arguments/options.ts';
import type { Selection } from '../arguments/snapshots.ts';
import { addExamples, addHelpCommand, subcommand } from '../program.ts';
import { withStore } from '../repository/repository.ts';

const TAG: RefKind = { word: 'tag', words: 'tags' };

export function define(command: Command): void {
  defineList(command, TAG);
  defineSet(command);
  defineDelete(command, TAG);
  defineDeleted(command, TAG);
  defineExists(command, TAG);
  defineHash(command, TAG);
  addHelpCommand(command);
  addExamples(command, [
    ['gitstore tag', 'the names of all tags'],
    ['gitstore tag set v1.0', 'tag the current branch'],
    ['gitstore tag set v0.9 main~3', 'tag an older commit'],
    ['gitstore tag hash v1.0', 'the commit of a tag'],
  ]);
}

function defineSet(parent: Command): void {
  const command = subcommand(parent, 'set', 'create a tag')
    .argument('<name>')
    .argument('[source]', 'ref to tag (default: the branch of -b, and the filters)')
    .option('-f, --force', 'move a tag that exists');
  addFilters(addBranch(command, 'branch to tag (default: the current one)'));
  addExamples(command, [
    ['gitstore tag set v1.0', 'tag the current branch'],
    ['gitstore tag set -f latest -b dev', 'move a tag to another branch'],
    ['gitstore tag set before-june --before 2024-05-31', 'tag what was at the end of a day'],
  ]);
  command.action(
    async (name: string, source: string | undefined, options: Selection & { force?: boolean }) => {
      await withStore(command, async (store) => {
        const fs = await sourceSnapshot(store, source, options);
        await settingRef(name, () => store.tags.set(name, fs, { force: options.force }));
      });
    },
  );
}

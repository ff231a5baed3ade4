/** `branch`: list, set, delete and query branches. */
import type { Command } from 'commander';
import { KeyNotFoundError } from '../../errors.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import type { GitStore } from '../../store/gitStore.ts';
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
import {
  addAuthor,
  addBranch,
  addFilters,
  addFormat,
  type BranchOption,
  formatOf,
} from '../arguments/options.ts';
import type { Selection } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { printRecord } from '../output/json.ts';
import { showName } from '../output/output.ts';
import { addExamples, addHelpCommand, subcommand } from '../program.ts';
import { withStore } from '../repository/repository.ts';

const BRANCH: RefKind = { word: 'branch', words: 'branches' };

interface SetOptions extends Selection {
  force?: boolean | undefined;
  empty?: boolean | undefined;
  squash?: boolean | undefined;
  append?: boolean | undefined;
}

export function define(command: Command): void {
  defineList(command, BRANCH);
  defineSet(command);
  defineDelete(command, BRANCH);
  defineDeleted(command, BRANCH);
  defineExists(command, BRANCH);
  defineCurrent(command);
  defineHash(command, BRANCH);
  addHelpCommand(command);
  addExamples(command, [
    ['gitstore branch', 'the names of all branches'],
    ['gitstore branch set dev', 'fork the current branch'],
    ['gitstore branch current', 'the name of the current branch'],
    ['gitstore branch current -b dev', 'make dev the current branch'],
    ['gitstore branch hash dev --back 1', 'the commit before its tip'],
  ]);
}

function defineSet(parent: Command): void {
  const command = subcommand(parent, 'set', 'create a branch, or move one')
    .argument('<name>')
    .argument('[source]', 'ref to begin from (default: the branch of -b, and the filters)')
    .option('-f, --force', 'move a branch that exists')
    .option('--empty', 'a new branch without files or history')
    .option('--append', "put the source's commits on the branch's tip, with authors and dates")
    .option('--squash', 'one commit with all the files of the source, without its history');
  addAuthor(addFilters(addBranch(command, 'branch to begin from (default: the current one)')));
  addExamples(command, [
    ['gitstore branch set dev', 'fork the current branch'],
    ['gitstore branch set fix v1.0', 'begin from a tag'],
    ['gitstore branch set -f dev main~2', 'move a branch back to an older commit'],
    ['gitstore branch set --squash release', 'the files without their history'],
    ['gitstore branch set --append release -b dev', 'let release go on with the commits of dev'],
    ['gitstore branch set --append --squash release -b dev', 'with one commit that has its files'],
    ['gitstore branch set --empty notes', 'begin with nothing'],
  ]);
  command.action(async (name: string, source: string | undefined, options: SetOptions) => {
    if (options.empty) refuseWithEmpty(source, options);
    await withStore(command, async (store) => {
      if (options.append) {
        const fs = await sourceSnapshot(store, source, options);
        await store.branches.append(name, fs, { squash: options.squash });
        return;
      }
      const how = { create: !options.force };
      await settingRef(name, async () => {
        if (options.empty) return store.branches.setEmpty(name, how);
        const fs = await sourceSnapshot(store, source, options);
        return store.branches.set(name, options.squash ? await fs.squash() : fs, how);
      });
    });
  });
}

function refuseWithEmpty(source: string | undefined, options: SetOptions): void {
  const { branch, ref, path, match, before, back, squash, append } = options;
  const others = { SOURCE: source, '-b': branch, '--ref': ref, '--path': path, '--match': match };
  for (const [name, value] of Object.entries({
    ...others,
    '--before': before,
    '--back': back,
    '--squash': squash,
    '--append': append,
  })) {
    if (value !== undefined) throw new UsageError(`--empty takes no ${name}`);
  }
}

function defineCurrent(parent: Command): void {
  const command = subcommand(parent, 'current', 'show the current branch, or choose it with -b');
  addFormat(addBranch(command, 'the branch that is to be the current one'));
  addExamples(command, [
    ['gitstore branch current', 'show it'],
    ['gitstore branch current -b dev', 'choose another'],
  ]);
  command.action(async ({ branch }: BranchOption) => {
    await withStore(command, async (store) => {
      if (branch !== undefined) {
        await store.branches.setCurrent(branch);
        return;
      }
      const name = (await store.branches.currentName()) ?? (await noBranch(store));
      const hash = (await store.branches.find(name))?.commitHash ?? null;
      await printRecord(formatOf(command), showName(name), () => ({ name, hash }));
    });
  });
}

async function noBranch(store: GitStore): Promise<never> {
  const fs = await store.branches.current();
  const head = fs === null ? 'names none' : `is detached at ${shortHash(fs.commitHash)}`;
  throw new KeyNotFoundError(
    `No current branch: HEAD ${head} ('branch current -b NAME' chooses one)`,
    { ref: 'HEAD' },
  );
}

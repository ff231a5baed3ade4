/** What `branch` and `tag` have in common: both are maps from names to snapshots. */
import type { Command } from 'commander';
import { KeyExistsError } from '../../errors.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import {
  addFilters,
  addFormat,
  type FilterOptions,
  type FormatOption,
  formatOf,
} from '../arguments/options.ts';
import {
  checkAgainstTarget,
  filterSnapshot,
  findSnapshot,
  parseTarget,
  type Selection,
} from '../arguments/snapshots.ts';
import { EXIT_FAILED, UsageError } from '../errors.ts';
import { isoTime } from '../output/dates.ts';
import { objectRecord, printRecord } from '../output/json.ts';
import { Listing } from '../output/listing.ts';
import { showName } from '../output/output.ts';
import { subcommand } from '../program.ts';
import { withStore } from '../repository/repository.ts';

/** A kind of refs, its word and where a store keeps them. */
export interface RefKind {
  readonly word: 'branch' | 'tag';
  readonly words: 'branches' | 'tags';
}

/** `list`, which is also what the bare command does. */
export function defineList(parent: Command, kind: RefKind): void {
  const run = (command: Command) => async () => {
    const format = command === parent ? parent.opts<FormatOption>().format : formatOf(command);
    if (command.args.length > 0) {
      const known = parent.commands.map((each) => each.name()).join(', ');
      const [name] = command.args;
      throw new UsageError(
        `Unknown command '${kind.word} ${name}' (there are ${known}); ${hintFor(kind, name!)}`,
      );
    }
    await withStore(command, async (store) => {
      const map = store[kind.words];
      const listing = new Listing(format);
      for (const name of await map.list()) {
        // One that is broken stands for no commit.
        const hash = format === 'text' ? null : ((await map.find(name))?.commitHash ?? null);
        await listing.add(showName(name), () => ({ name, hash }));
      }
      await listing.end();
    });
  };
  addFormat(parent.allowExcessArguments()).action(run(parent));
  const list = subcommand(parent, 'list', `list the names of all ${kind.words}`);
  addFormat(list).action(run(list));
}

/** What does it, for who knows other tools. */
function hintFor({ word }: RefKind, name: string): string {
  if (/^(?:rm|remove|del)$/.test(name)) return `'${word} delete NAME' deletes one`;
  if (/^(?:rename|move|mv)$/.test(name)) {
    return `'${word} set NEW OLD' and '${word} delete OLD' rename one`;
  }
  if (word === 'branch' && /^(?:switch|checkout|use)$/.test(name)) {
    return "'branch current -b NAME' chooses one";
  }
  const created = /^(?:create|new|add|make)$/.test(name) ? 'NAME' : name;
  return `'${word} set ${created}' creates one`;
}

export function defineDelete(parent: Command, kind: RefKind): void {
  const command = subcommand(parent, 'delete', `delete a ${kind.word}`).argument('<name>');
  addFormat(command);
  if (kind.word === 'branch') command.option('-f, --force', 'also the current branch');
  command.action(async (name: string, { force }: { force?: boolean }) => {
    const format = formatOf(command);
    await withStore(command, async (store) => {
      const map = store[kind.words];
      const isBroken = !(await map.has(name));
      const hash = await map.delete(name, { force });
      const was = hash === null ? 'it stood for nothing' : `was ${shortHash(hash)}`;
      const note = isBroken && hash !== null ? `broken; it ${was}` : was;
      const line = `Deleted ${kind.word} ${showName(name)} (${note})`;
      await printRecord(format, line, () => ({ name, hash }));
    });
  });
}

/** What was deleted and can still be had back. */
export function defineDeleted(parent: Command, kind: RefKind): void {
  const summary = `list ${kind.words} that were deleted and whose commits are still kept`;
  const command = addFormat(subcommand(parent, 'deleted', summary));
  command.action(async () => {
    const format = formatOf(command);
    await withStore(command, async (store) => {
      const listing = new Listing(format);
      for (const { name, commitHash: hash, time } of await store[kind.words].deleted()) {
        const when = isoTime(time, 0);
        const line = `${shortHash(hash)}  ${when}  ${showName(name)}`;
        await listing.add(line, () => ({ name, hash, time: when }));
      }
      await listing.end();
    });
  });
}

export function defineExists(parent: Command, kind: RefKind): void {
  const summary = `exit with 0 when the ${kind.word} exists, with 1 when it does not`;
  const command = subcommand(parent, 'exists', summary).argument('<name>');
  command.action(async (name: string) => {
    const exists = await withStore(command, (store) => store[kind.words].has(name));
    if (!exists) process.exitCode = EXIT_FAILED;
  });
}

export function defineHash(parent: Command, kind: RefKind): void {
  const summary = `print the commit hash of a ${kind.word}`;
  const command = addFormat(addFilters(subcommand(parent, 'hash', summary).argument('<name>')));
  command.action(async (name: string, options: FilterOptions) => {
    await withStore(command, async (store) => {
      // The ref is fixed by the name; the filters start from there.
      checkAgainstTarget({ ref: name, back: 0 }, options);
      const fs = await filterSnapshot(await store[kind.words].get(name), options);
      const { commitHash } = fs;
      await printRecord(formatOf(command), commitHash, () => objectRecord(commitHash, 'commit'));
    });
  });
}

/** Sets a ref; where it exists, the error says how it is moved. */
export async function settingRef(name: string, set: () => Promise<FS>): Promise<void> {
  try {
    await set();
  } catch (error) {
    if (!(error instanceof KeyExistsError)) throw error;
    throw new KeyExistsError(`${error.message} (-f moves it)`, { ref: name, cause: error });
  }
}

/** The snapshot a ref is to be set to: a target such as `main~2`, or `-b` and the filters. */
export function sourceSnapshot(
  store: GitStore,
  source: string | undefined,
  options: Selection,
): Promise<FS> {
  const target = parseTarget(source);
  if (target.path !== undefined) throw new UsageError(`A ref is meant, not a path: '${source}'`);
  checkAgainstTarget(target, options);
  return findSnapshot(store, target, options);
}

/** `note`: text about commits, shared with `git notes`. */
import type { Command } from 'commander';
import { firstLine } from '../../git/objects/commitText.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { NoteNamespace } from '../../store/notes.ts';
import { addAuthor, addFormat, type FormatOption } from '../arguments/options.ts';
import { findSnapshot, parseTarget } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { printRecord } from '../output/json.ts';
import { Listing } from '../output/listing.ts';
import { printNote, showName } from '../output/output.ts';
import { addExamples, addHelpCommand, subcommand } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

interface NamespaceOption {
  namespace?: string;
}

const TARGET = 'a commit hash, branch, tag, or main~2 (default: the current branch)';

export function define(command: Command): void {
  defineGet(command);
  defineSet(command);
  defineDelete(command);
  defineList(command);
  addHelpCommand(command);
  addExamples(command, [
    ["gitstore note set 'checked by Ada'", 'on the newest commit'],
    ['gitstore note get', 'read it'],
    ["gitstore note set v1.0 -N release 'sent out'", 'on a tag, in a namespace of its own'],
    ['gitstore note list', 'all commits that have one'],
  ]);
}

function defineGet(parent: Command): void {
  const command = addNamespace(subcommand(parent, 'get', 'print the note on a commit'));
  addFormat(command.argument('[target]', TARGET));
  addExamples(command, [
    ['gitstore note get', 'of the current branch'],
    ['gitstore note get main~2', 'of an older commit'],
  ]);
  command.action(async (target: string | undefined, options: NamespaceOption & FormatOption) => {
    await withStore(command, async (store) => {
      const notes = await namespaceOf(store, options);
      const key = await keyOf(store, target);
      const text = await notes.get(key);
      const hash = typeof key === 'string' ? key : key.commitHash;
      await printRecord(options.format, text, () => ({ hash, text }));
    });
  });
}

function defineSet(parent: Command): void {
  const command = addAuthor(addNamespace(subcommand(parent, 'set', 'put a note on a commit')));
  command.usage('[options] [target] <text>').argument('<words...>', 'the target, and the text');
  addExamples(command, [
    ["gitstore note set 'checked by Ada'", 'on the newest commit of the current branch'],
    ["gitstore note set v1.0 'sent out'", 'on a tag'],
  ]);
  command.action(async (words: string[], options: NamespaceOption) => {
    const text = words.pop()!;
    if (words.length > 1) throw new UsageError('Give a target and one text, in quotes');
    await withStore(command, async (store) => {
      const key = await keyOf(store, words[0]);
      // Where nothing has that hash, it was mistyped.
      if (typeof key === 'string') await store.fs(key);
      await (await namespaceOf(store, options)).set(key, text);
      if (isVerbose(command))
        printNote(`Note on ${typeof key === 'string' ? key : key.commitHash}`);
    });
  });
}

function defineDelete(parent: Command): void {
  const command = addAuthor(
    addNamespace(subcommand(parent, 'delete', 'remove the note on a commit')),
  );
  command.argument('[target]', TARGET);
  command.action(async (target: string | undefined, options: NamespaceOption) => {
    await withStore(command, async (store) => {
      await (await namespaceOf(store, options)).delete(await keyOf(store, target));
    });
  });
}

function defineList(parent: Command): void {
  const command = addNamespace(subcommand(parent, 'list', 'list the commits that have a note'));
  command.option('-l, --long', 'with the first line of each note');
  addFormat(command);
  addExamples(command, [
    ['gitstore note list -l', 'hashes and first lines'],
    ['gitstore note list --format jsonl', 'hashes and texts as JSON'],
  ]);
  command.action(async (options: NamespaceOption & FormatOption & { long?: boolean }) => {
    await withStore(command, async (store) => {
      const notes = await namespaceOf(store, options);
      const listing = new Listing(options.format);
      if (options.format === 'text' && !options.long) {
        for await (const hash of notes.keys()) await listing.add(hash, () => hash);
      } else {
        for await (const [hash, text] of notes) {
          await listing.add(`${hash}  ${showName(firstLine(text))}`, () => ({ hash, text }));
        }
      }
      await listing.end();
    });
  });
}

function addNamespace(command: Command): Command {
  return command.option(
    '-N, --namespace <name>',
    'the notes in refs/notes/NAME (default: GIT_NOTES_REF, core.notesRef, else commits)',
  );
}

/** As Git chooses: the option, the environment, the repository's configuration. */
async function namespaceOf(
  store: GitStore,
  { namespace }: NamespaceOption,
): Promise<NoteNamespace> {
  if (namespace !== undefined) return store.notes.namespace(namespace);
  const { GIT_NOTES_REF } = process.env;
  return GIT_NOTES_REF
    ? store.notes.ofRef(GIT_NOTES_REF, 'GIT_NOTES_REF')
    : await store.notes.default();
}

/** A full hash as it is, so that a note can outlive its commit; else the snapshot that is meant. */
async function keyOf(store: GitStore, target: string | undefined) {
  if (target !== undefined && /^[0-9a-f]{40}$/i.test(target)) return target;
  return snapshotOf(store, target);
}

async function snapshotOf(store: GitStore, text: string | undefined) {
  const target = parseTarget(text);
  if (target.path) throw new UsageError(`A commit is meant, not a path: '${text}'`);
  return findSnapshot(store, target, {});
}

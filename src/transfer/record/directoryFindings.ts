/**
 * What a scan has come to know of the entries of one directory (scannedDirectory.ts), and what of that
 * the next stat record is to say.
 */
import { EMPTY_TREE_ID, hashObject, type ObjectId } from '../../git/objectId.ts';
import { type FileMode, isTreeMode, MODE_TREE, type TreeEntry } from '../../git/tree.ts';
import { type EntryEdit, editTree, serializeTree } from '../../git/treeWriter.ts';
import { joinPath } from '../../tree/paths.ts';
import type { FileState } from '../disk/diskFiles.ts';
import { GITIGNORE } from '../rules/exclusion.ts';
import type { RecordedDirectory } from './recordedDirectory.ts';
import { type KnownDirectory, type NewDirectory, type NewEntry, treeIdOf } from './recordWriter.ts';
import type { DirectoryState, StatRecord } from './statRecord.ts';

/** What is known of a file: a state it had, and the blob it then was. */
export interface KnownFile {
  readonly state: FileState;
  /** The mode it was stored with. */
  readonly mode: FileMode;
  readonly id: ObjectId;
  /** When reading the content began, in milliseconds since the epoch. */
  readonly since?: number;
  /** For what the copy itself has written instead: the device on which it lies. */
  readonly device?: number;
}

/** What it takes, besides the findings, to record a directory. */
export interface RecordContext {
  /** The directory, from the one that is scanned. */
  readonly path: string;
  /** Whether a path below the one that is scanned is left out of its tree. */
  readonly isExcluded: ((path: string, isDirectory: boolean) => boolean) | undefined;
  /** Whether a file that still has its state when the record is used must be the one that is known. */
  isProof(file: KnownFile): boolean;
  /** A directory in this one, and its state where that is proof; undefined when nothing is known of it. */
  below(name: string):
    | {
        readonly directory: NewDirectory | KnownDirectory;
        readonly state: DirectoryState | undefined;
      }
    | undefined;
  /** A tree, where that takes no reading. */
  cachedTree(id: ObjectId): Uint8Array | undefined;
  /** Whether the modes of files in the record are those in the trees. */
  readonly hasTreeModes: boolean;
}

export class DirectoryFindings {
  /** Modes of all entries that were looked at. */
  readonly #modes = new Map<string, FileMode>();
  readonly #files = new Map<string, KnownFile>();
  /** Names of which the record is to be brought up to date. */
  readonly #news = new Set<string>();
  /** The tree that the copy has made the directory to be. */
  tree: ObjectId | undefined;

  /** How many entries are known to be there. */
  get count(): number {
    return this.#modes.size;
  }

  /** An entry is there, with this mode. */
  saw(name: string, mode: FileMode): void {
    this.#modes.set(name, mode);
  }

  /** It is that file. */
  identified(name: string, file: KnownFile): void {
    this.#files.set(name, file);
  }

  file(name: string): KnownFile | undefined {
    return this.#files.get(name);
  }

  /** Nothing is there any more. */
  lost(name: string): void {
    this.#modes.delete(name);
    this.#files.delete(name);
  }

  /** The next record has to say what is known of a name now. */
  addNews(name: string): void {
    this.#news.add(name);
  }

  hasNews(name: string): boolean {
    return this.#news.has(name);
  }

  /** Whether all that has become known of it leaves its names as they are recorded. */
  keepsNames(recorded: RecordedDirectory): boolean {
    for (const name of this.#news) {
      if (recorded.entryOf(name) === undefined || !this.#modes.has(name)) return false;
    }
    return true;
  }

  /** For the record, when all entries are known. */
  all(context: RecordContext): NewDirectory {
    const entries: NewEntry[] = [];
    /** What the tree holds; undefined as soon as it is not known. */
    let tree: TreeEntry[] | undefined = this.tree === undefined ? [] : undefined;
    for (const [name, mode] of this.#modes) {
      const { entry, inTree } = this.#record(name, mode, context);
      entries.push(entry);
      if (inTree === undefined) tree = undefined;
      else if (inTree !== null) tree?.push({ name, ...inTree });
    }
    return {
      treeId: this.tree ?? (tree && hashObject('tree', serializeTree(tree))),
      entries: entries.sort(compareNames),
    };
  }

  /** The same, when only what was asked for is known. */
  some(context: RecordContext): NewDirectory {
    const entries: NewEntry[] = [];
    for (const name of this.#news) {
      const mode = this.#modes.get(name);
      if (mode !== undefined) entries.push(this.#record(name, mode, context).entry);
    }
    return { treeId: undefined, entries: entries.sort(compareNames) };
  }

  /** What is recorded, with what has become known since. */
  since(recorded: RecordedDirectory, context: RecordContext): KnownDirectory {
    const { record, number, treeId: base } = recorded;
    const replaced = new Map<number, NewEntry | null>();
    const added: NewEntry[] = [];
    let edits: Map<string, EntryEdit> | undefined = new Map();
    let isSameTree = true;
    for (const name of this.#news) {
      const place = recorded.entryOf(name);
      const mode = this.#modes.get(name);
      if (mode === undefined) {
        if (place !== undefined) replaced.set(place, null);
        edits?.set(name, null);
        isSameTree = false;
        continue;
      }
      const { entry, inTree } = this.#record(name, mode, context);
      if (place === undefined) added.push(entry);
      else replaced.set(place, entry);
      isSameTree &&= place !== undefined && isRecordedAs(record, place, entry);
      if (inTree === undefined) edits = undefined;
      else edits?.set(name, inTree);
    }
    const changes = { replaced, added };
    if (isSameTree) return { record, number, changes: { ...changes, treeId: base } };
    const tree =
      base === undefined || edits === undefined
        ? undefined
        : editedTree(recorded, context.cachedTree(base), edits, context.hasTreeModes);
    const treeId = tree && hashObject('tree', tree);
    return { record, number, changes: { ...changes, treeId } };
  }

  /** What the record is to say of a name, and its entry in the tree: null for none. */
  #record(
    name: string,
    mode: FileMode,
    context: RecordContext,
  ): { entry: NewEntry; inTree: EntryEdit | undefined } {
    const isTree = isTreeMode(mode);
    const path = joinPath(context.path, name);
    const file = this.#files.get(name);
    const state = file && context.isProof(file) ? file.state : undefined;
    if (context.isExcluded?.(path, isTree)) {
      if (name === GITIGNORE && file !== undefined) {
        return { entry: { name, state, mode: file.state.mode, id: undefined }, inTree: null };
      }
      return { entry: { name, excluded: isTree ? 'directory' : 'file' }, inTree: null };
    }
    if (!isTree) {
      return {
        entry: { name, state, mode: file?.state.mode, id: file?.id },
        inTree: file && { mode: file.mode, id: file.id },
      };
    }
    const below = context.below(name);
    if (below === undefined) return { entry: { name, ...UNKNOWN }, inTree: undefined };
    const entry = { name, ...below };
    const id = treeIdOf(below.directory);
    if (id === undefined) return { entry, inTree: undefined };
    return { entry, inTree: id === EMPTY_TREE_ID ? null : { mode: MODE_TREE, id } };
  }
}

/**
 * The recorded tree after edits, from its body or, without, from the record: a large tree is not kept,
 * and one of a source that shares its destination with others is in no store.
 */
function editedTree(
  recorded: RecordedDirectory,
  body: Uint8Array | undefined,
  edits: ReadonlyMap<string, EntryEdit>,
  hasTreeModes: boolean,
): Uint8Array | undefined {
  if (body !== undefined) return editTree(body, edits);
  if (!hasTreeModes) return undefined;
  const entries: TreeEntry[] = [];
  for (const [name, edit] of edits) if (edit !== null) entries.push({ name, ...edit });
  for (const [place, name] of recorded.names.entries()) {
    if (edits.has(name)) continue;
    const entry = recorded.treeEntryAt(place);
    if (entry === undefined) return undefined;
    if (entry !== null) entries.push(entry);
  }
  return serializeTree(entries);
}

/** What there is to be recorded of an entry of which nothing is known. */
const UNKNOWN = { state: undefined, mode: undefined, id: undefined } as const;

function compareNames(a: NewEntry, b: NewEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** Whether the entry makes no other entry in the tree than the recorded one. */
function isRecordedAs(record: StatRecord, place: number, entry: NewEntry): boolean {
  if ('directory' in entry) {
    const below = record.directoryOf(place);
    const tree = treeIdOf(entry.directory);
    return below !== undefined && tree !== undefined && tree === record.treeId(below);
  }
  return 'id' in entry && record.hasFile(place, entry.mode, entry.id);
}

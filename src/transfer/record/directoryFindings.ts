/**
 * What a scan has learned about the entries of one directory (scannedDirectory.ts), and what the next
 * stat record keeps of it.
 */
import { EMPTY_TREE_ID, hashObject, type ObjectId } from '../../git/objectId.ts';
import { type FileMode, isTreeMode, MODE_TREE, type TreeEntry } from '../../git/objects/tree.ts';
import { type EntryEdit, editTree, serializeTree } from '../../git/objects/treeWriter.ts';
import { joinPath } from '../../tree/paths.ts';
import type { FileState } from '../disk/diskFiles.ts';
import { GITIGNORE } from '../rules/exclusion.ts';
import type { RecordedDirectory } from './recordedDirectory.ts';
import { type KnownDirectory, type NewDirectory, type NewEntry, treeIdOf } from './recordWriter.ts';
import type { DirectoryState, StatRecord } from './statRecord.ts';

/** A file in a known state, and its blob in that state. */
export interface KnownFile {
  readonly state: FileState;
  /** The mode it was stored with. */
  readonly mode: FileMode;
  readonly id: ObjectId;
  /** When reading the content began, in milliseconds since the epoch. */
  readonly since?: number;
  /** Instead of `since`, for a file that the copy itself has written: its device. */
  readonly device?: number;
}

/** What recording a directory needs in addition to the findings. */
export interface RecordContext {
  /** Path of the directory from the scanned one. */
  readonly path: string;
  /** Whether a path below the scanned directory is excluded from its tree. */
  readonly isExcluded: ((path: string, isDirectory: boolean) => boolean) | undefined;
  /** Whether a file that still has this state when the record is used must have the known content. */
  isProof(file: KnownFile): boolean;
  /** A subdirectory, and its state when that proves anything; undefined when nothing is known. */
  below(name: string):
    | {
        readonly directory: NewDirectory | KnownDirectory;
        readonly state: DirectoryState | undefined;
      }
    | undefined;
  /** A tree, if it is cached. */
  cachedTree(id: ObjectId): Uint8Array | undefined;
  /** Whether the record has files with the same modes as the trees. */
  readonly hasTreeModes: boolean;
}

export class DirectoryFindings {
  /** Modes of all entries seen. */
  readonly #modes = new Map<string, FileMode>();
  readonly #files = new Map<string, KnownFile>();
  /** Names to update in the record. */
  readonly #news = new Set<string>();
  /** The tree that the copy has written into the directory. */
  tree: ObjectId | undefined;

  /** Number of entries known to exist. */
  get count(): number {
    return this.#modes.size;
  }

  /** Records that an entry exists with this mode. */
  saw(name: string, mode: FileMode): void {
    this.#modes.set(name, mode);
  }

  /** Records the content of a file. */
  identified(name: string, file: KnownFile): void {
    this.#files.set(name, file);
  }

  file(name: string): KnownFile | undefined {
    return this.#files.get(name);
  }

  /** Records that an entry is gone. */
  lost(name: string): void {
    this.#modes.delete(name);
    this.#files.delete(name);
  }

  /** Marks a name for update in the next record. */
  addNews(name: string): void {
    this.#news.add(name);
  }

  hasNews(name: string): boolean {
    return this.#news.has(name);
  }

  /** Whether the directory still has exactly the recorded names. */
  keepsNames(recorded: RecordedDirectory): boolean {
    for (const name of this.#news) {
      if (recorded.entryOf(name) === undefined || !this.#modes.has(name)) return false;
    }
    return true;
  }

  /** The directory for the record, when all entries are known. */
  all(context: RecordContext): NewDirectory {
    const entries: NewEntry[] = [];
    /** The tree's entries; undefined as soon as one is unknown. */
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

  /** The same, when only the requested entries are known. */
  some(context: RecordContext): NewDirectory {
    const entries: NewEntry[] = [];
    for (const name of this.#news) {
      const mode = this.#modes.get(name);
      if (mode !== undefined) entries.push(this.#record(name, mode, context).entry);
    }
    return { treeId: undefined, entries: entries.sort(compareNames) };
  }

  /** The recorded directory with later findings. */
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

  /** The record's entry for a name, and its entry in the tree: null for none. */
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
 * The recorded tree after edits. Takes its entries from the cached body or else from the record: a large
 * tree is not cached, and that of a source that shares its destination with others is in no store.
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

/** The record's values for an unknown entry. */
const UNKNOWN = { state: undefined, mode: undefined, id: undefined } as const;

function compareNames(a: NewEntry, b: NewEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** Whether the entry and the recorded one have the same entry in the tree. */
function isRecordedAs(record: StatRecord, place: number, entry: NewEntry): boolean {
  if ('directory' in entry) {
    const below = record.directoryOf(place);
    const tree = treeIdOf(entry.directory);
    return below !== undefined && tree !== undefined && tree === record.treeId(below);
  }
  return 'id' in entry && record.hasFile(place, entry.mode, entry.id);
}

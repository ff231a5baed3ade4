/** Trees in a store as source and as destination of a copy. */

import { FileNotFoundError, InvalidPathError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import {
  compareTreeEntries,
  isTreeMode,
  MODE_GITLINK,
  MODE_TREE,
  type TreeEntry,
} from '../../git/objects/tree.ts';
import { refuseName } from '../../platform.ts';
import { missingObject } from '../../storage/missingObject.ts';
import { checkDepth, isForbiddenSegment, joinPath, normalizePath } from '../../tree/paths.ts';
import type { Tree, TreeReader } from '../../tree/reader.ts';
import {
  type Changes,
  type DestinationPlace,
  type KnownEntry,
  NO_NAMES,
  type Omissions,
  type SourcePlace,
  type WholeFile,
} from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';
import { type FoundSource, parseSource } from './sources.ts';

export class StoreSource implements SourcePlace<TreeEntry> {
  readonly #trees: TreeReader;
  readonly #refuse: (name: string) => string | undefined;
  readonly #known: KnownEntry | undefined;

  /** @param refuse returns why an entry's name must not be copied; undefined for a valid name */
  constructor(trees: TreeReader, refuse: (name: string) => string | undefined, known?: KnownEntry) {
    this.#trees = trees;
    this.#refuse = refuse;
    this.#known = known;
  }

  async changes(directory: TreeEntry): Promise<Changes> {
    return { base: directory.id, names: NO_NAMES };
  }

  async whole({ id }: TreeEntry, target: string): Promise<WholeFile[] | undefined> {
    const files: WholeFile[] = [];
    const lead = target === '' ? 0 : target.length + 1;
    const open = [{ path: target, entries: await this.#entriesOf(id), next: 0 }];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const entry = level.entries[level.next++];
      if (entry === undefined) {
        open.pop();
        continue;
      }
      const { name, mode, id } = entry;
      if (mode === MODE_GITLINK || this.#refuse(name) !== undefined) return undefined;
      const path = joinPath(level.path, name);
      if (!isTreeMode(mode)) {
        files.push({ path: path.slice(lead), mode, id });
        continue;
      }
      checkDepth(path, 1);
      open.push({ path, entries: await this.#entriesOf(id), next: 0 });
    }
    return files;
  }

  async #entriesOf(id: ObjectId): Promise<readonly TreeEntry[]> {
    return (this.#trees.cached(id) ?? (await this.#trees.tree(id))).entries;
  }

  async readRules(path: string, { id }: TreeEntry): Promise<Uint8Array> {
    const object = await this.#trees.objects.read(id);
    if (object === undefined) throw missingObject(this.#trees.objects, id, 'Blob', path);
    return object.body;
  }

  async list(path: string, directory: TreeEntry, omissions: Omissions): Promise<TreeEntry[]> {
    const { entries } = await this.#trees.tree(directory.id);
    return entries.filter((entry) => this.#isGiven(path, entry, omissions));
  }

  async pick(
    path: string,
    directory: TreeEntry,
    names: ReadonlySet<string>,
    omissions: Omissions,
  ): Promise<TreeEntry[]> {
    const entries = await pickEntries(this.#trees, directory.id, names, this.#known);
    return entries.filter((entry) => this.#isGiven(path, entry, omissions));
  }

  #isGiven(path: string, { name, mode }: TreeEntry, omissions: Omissions): boolean {
    const reason = this.#refuse(name);
    if (reason !== undefined) {
      const shown = path === '' ? name : `${path}/${name}`;
      omissions.fail(name, new InvalidPathError(`${shown}: ${reason}`, { path: shown }));
    } else if (mode === MODE_GITLINK) {
      omissions.skip(name, 'skipped: a submodule, whose files are not in this store');
    } else {
      return true;
    }
    return false;
  }
}

/** The existing entries among these names, in the tree's order. */
async function pickEntries(
  trees: TreeReader,
  id: ObjectId,
  names: ReadonlySet<string>,
  known?: KnownEntry,
): Promise<TreeEntry[]> {
  let tree: Tree | undefined;
  const entries: TreeEntry[] = [];
  for (const name of names) {
    let entry = known?.(id, name);
    if (entry === undefined) {
      tree ??= await trees.tree(id);
      entry = tree.get(name);
    }
    if (entry) entries.push(entry);
  }
  return entries.sort(compareTreeEntries);
}

/** The sources that exist in the tree. Missing ones become errors, and entries not to copy warnings. */
export async function findInTree(
  { trees, root }: { readonly trees: TreeReader; readonly root: ObjectId },
  sources: readonly string[],
  run: CopyRun,
): Promise<FoundSource<TreeEntry>[]> {
  const found: FoundSource<TreeEntry>[] = [];
  for (const text of sources) {
    const parsed = parseSource(text);
    const source = { ...parsed, path: normalizePath(parsed.path) };
    const entry = await trees.lookup(root, source.path);
    if (entry === undefined) {
      run.fail(text, new FileNotFoundError(`${text}: no such file or directory`, { path: text }));
    } else if (entry.mode === MODE_GITLINK) {
      run.warn(text, 'skipped: a submodule, whose files are not in this store');
    } else {
      found.push({ source, entry });
    }
  }
  return found;
}

export class StoreDestination implements DestinationPlace<TreeEntry> {
  readonly root: TreeEntry;
  readonly #trees: TreeReader;
  readonly #known: KnownEntry | undefined;
  readonly #keepsSubmodules: boolean;

  /** @param options.keepsSubmodules the sources cannot hold submodules, so an absent one is not deleted */
  constructor(
    trees: TreeReader,
    root: ObjectId,
    options: { readonly known?: KnownEntry | undefined; readonly keepsSubmodules: boolean },
  ) {
    this.#trees = trees;
    this.#known = options.known;
    this.#keepsSubmodules = options.keepsSubmodules;
    this.root = { name: '', mode: MODE_TREE, id: root };
  }

  async changes(directory: TreeEntry): Promise<Changes> {
    return { base: directory.id, names: NO_NAMES };
  }

  async pick(
    _path: string,
    directory: TreeEntry,
    names: ReadonlySet<string>,
  ): Promise<readonly TreeEntry[]> {
    return pickEntries(this.#trees, directory.id, names, this.#known);
  }

  async list(_path: string, directory: TreeEntry): Promise<readonly TreeEntry[]> {
    return (await this.#trees.tree(directory.id)).entries;
  }

  keeps({ mode }: TreeEntry): string | undefined {
    return this.#keepsSubmodules && mode === MODE_GITLINK
      ? 'not deleted: a submodule, which a copy to disk leaves out'
      : undefined;
  }

  show(path: string): string {
    return path;
  }
}

/**
 * Why an entry of that name must not be created on the local disk; undefined for a valid name. A tree
 * from elsewhere may hold names that lead out of the destination or into a `.git` directory.
 */
export function refuseOnDisk(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    return 'not a file name';
  }
  if (isForbiddenSegment(name)) return "a name that stands for '.git'";
  return refuseName(name);
}

/**
 * Editing directory trees: many paths at once, from the leaves up. Only the directories on changed
 * paths are read and written.
 */
import { EMPTY_TREE_ID, type ObjectId } from '../git/objectId.ts';
import { type FileMode, isTreeMode, MODE_TREE, type TreeEntry } from '../git/objects/tree.ts';
import { editTree } from '../git/objects/treeWriter.ts';
import type { ObjectWriter } from '../storage/storage.ts';
import type { AnyTreeReader, Tree } from './reader.ts';

/** The new value of a path: an entry (a tree's id grafts a whole directory), or nothing. */
export type TreeEdit = { readonly mode: FileMode; readonly id: ObjectId } | null;

/** The edits below one directory. */
class Directory {
  /** Edits of this directory's own entries. */
  readonly entries = new Map<string, TreeEdit>();
  /** Subdirectories with edits below them. */
  readonly below = new Map<string, Directory>();
}

/**
 * Makes the tree that `root` becomes by the edits and writes all new tree objects to `writer`.
 *
 * An edit of a path is applied before the edits of paths below it: `a` → null with `a/b` → a file
 * leaves a directory `a` that holds only `b`. Removing a missing entry does nothing. A file in
 * the way of a directory is replaced, and the reverse. Directories that become empty vanish.
 *
 * @param edits by normalized path, none of them empty
 * @returns the new root; `root` itself when nothing changes
 */
export async function applyEdits(
  trees: AnyTreeReader,
  writer: ObjectWriter,
  root: ObjectId,
  edits: ReadonlyMap<string, TreeEdit>,
): Promise<ObjectId> {
  const made = await editDirectory(trees, writer, root, groupByDirectory(edits));
  return made ?? writer.write('tree', new Uint8Array(0));
}

function groupByDirectory(edits: ReadonlyMap<string, TreeEdit>): Directory {
  const root = new Directory();
  // Consecutive paths usually share their directory.
  let lastPath = '';
  let last = root;
  for (const [path, edit] of edits) {
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '' : path.slice(0, slash);
    if (parent !== lastPath) {
      last = root;
      if (parent !== '') for (const name of parent.split('/')) last = child(last, name);
      lastPath = parent;
    }
    last.entries.set(path.slice(slash + 1), edit);
  }
  return root;
}

function child(directory: Directory, name: string): Directory {
  let below = directory.below.get(name);
  if (below === undefined) {
    below = new Directory();
    directory.below.set(name, below);
  }
  return below;
}

/** A directory in progress. The directories below it come first. */
interface Step {
  /** Its name in the directory above. */
  readonly name: string;
  readonly id: ObjectId;
  readonly tree: Tree;
  readonly directory: Directory;
  readonly below: Iterator<[string, Directory]>;
  readonly changes: Map<string, TreeEdit>;
}

/** The directory's new id; null when it is, or has become, empty. */
async function editDirectory(
  trees: AnyTreeReader,
  writer: ObjectWriter,
  id: ObjectId,
  directory: Directory,
): Promise<ObjectId | null> {
  const open: Step[] = [];
  let next: { name: string; id: ObjectId; directory: Directory } | undefined = {
    name: '',
    id,
    directory,
  };
  for (;;) {
    if (next !== undefined) {
      const tree: Tree = trees.cached(next.id) ?? (await trees.tree(next.id));
      open.push(begin(next.name, tree, next.directory));
    }
    const step: Step = open.at(-1)!;
    const below = step.below.next();
    if (!below.done) {
      const [name, directory] = below.value;
      const before = standing(step, name);
      next = { name, id: isDirectory(before) ? before.id : EMPTY_TREE_ID, directory };
      continue;
    }
    next = undefined;
    open.pop();
    const made = await finish(trees, writer, step);
    const above = open.at(-1);
    if (above === undefined) return made;
    const { name } = step;
    const before = standing(above, name);
    const edit = isDirectory(before) ? null : before;
    note(
      above.changes,
      name,
      above.tree.get(name),
      made === null ? edit : { mode: MODE_TREE, id: made },
    );
  }
}

function begin(name: string, tree: Tree, directory: Directory): Step {
  const changes = new Map<string, TreeEdit>();
  for (const [name, edit] of directory.entries) {
    if (!directory.below.has(name)) note(changes, name, tree.get(name), edit);
  }
  return { name, id: tree.id, tree, directory, below: directory.below.entries(), changes };
}

/** The entry under a name after the edits below it. */
function standing({ tree, directory }: Step, name: string): TreeEdit {
  const own = directory.entries.get(name);
  return own === undefined ? (tree.get(name) ?? null) : own;
}

function isDirectory(edit: TreeEdit): edit is Exclude<TreeEdit, null> {
  return edit !== null && isTreeMode(edit.mode);
}

/** Writes the tree after everything below it. */
async function finish(
  trees: AnyTreeReader,
  writer: ObjectWriter,
  { id, tree, changes }: Step,
): Promise<ObjectId | null> {
  if (changes.size === 0) return tree.body.length === 0 ? null : id;
  const body = withNewId(tree, changes) ?? editTree(tree.body, changes);
  if (body.length === 0) return null;
  const made = await writer.write('tree', body);
  trees.remember(made, body);
  return made;
}

/** Records an edit if it changes anything. */
function note(
  changes: Map<string, TreeEdit>,
  name: string,
  old: TreeEntry | undefined,
  edit: TreeEdit,
): void {
  if (edit === null) {
    if (old !== undefined) changes.set(name, null);
  } else if (old === undefined || old.id !== edit.id || old.mode !== edit.mode) {
    changes.set(name, edit);
  }
}

/** Fast path for the usual change of a directory: one existing entry gets another id. */
function withNewId(tree: Tree, changes: ReadonlyMap<string, TreeEdit>): Buffer | undefined {
  if (changes.size > 1) return undefined;
  for (const [name, edit] of changes) {
    if (edit !== null) return tree.withId(name, edit.mode, edit.id);
  }
  return undefined;
}

/**
 * Trees of notes in the format of `git notes` (see Git's `notes.c`). A note is a file named after its
 * object. When there are many, the first two digits of the name become a directory, and so on below it:
 * the *fan-out*, whose depth may differ between directories. All other entries of such a tree stay
 * unchanged.
 */

import type { ObjectId } from '../git/objectId.ts';
import { isTreeMode, MODE_FILE, MODE_TREE, type TreeEntry } from '../git/objects/tree.ts';
import { serializeTree } from '../git/objects/treeWriter.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { ObjectStore, ObjectWriter } from '../storage/storage.ts';
import type { Tree, TreeReader } from './reader.ts';

/** New values of notes by object: a blob, or null for no note. */
export type NoteEdits = ReadonlyMap<ObjectId, ObjectId | null>;

/** Hex digits of an object id, and of one level of the fan-out. */
const ID_DIGITS = 40;
const LEVEL_DIGITS = 2;

const REGULAR = 0o100000;
const TYPE_BITS = 0o170000;

/**
 * The blobs of an object's note. There are several when the tree holds it at several levels, which a manual
 * merge can cause. Git shows them one after the other, the deepest first.
 */
export async function findNote(
  trees: TreeReader,
  root: ObjectId,
  about: ObjectId,
): Promise<ObjectId[]> {
  const found: ObjectId[] = [];
  let tree: ObjectId | undefined = root;
  for (let used = 0; tree !== undefined; used += LEVEL_DIGITS) {
    const directory: Tree = trees.cached(tree) ?? (await trees.tree(tree));
    const note = directory.get(about.slice(used));
    if (note !== undefined && isNoteMode(note)) found.unshift(note.id);
    const below = directory.get(about.slice(used, used + LEVEL_DIGITS));
    tree = below !== undefined && isTreeMode(below.mode) ? below.id : undefined;
  }
  return found;
}

/** All notes of a tree: their blobs by object, sorted. */
export async function listNotes(
  trees: TreeReader,
  root: ObjectId,
): Promise<Map<ObjectId, ObjectId[]>> {
  const found: [ObjectId, ObjectId][] = [];
  await collect(trees, root, '', (about, blob) => found.push([about, blob]));
  found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const notes = new Map<ObjectId, ObjectId[]>();
  for (const [about, blob] of found) {
    const blobs = notes.get(about);
    if (blobs === undefined) notes.set(about, [blob]);
    else blobs.push(blob);
  }
  return notes;
}

async function collect(
  trees: TreeReader,
  tree: ObjectId,
  prefix: string,
  note: (about: ObjectId, blob: ObjectId) => void,
): Promise<void> {
  const directory = await readDirectory(trees, tree, prefix.length);
  for (const [digits, below] of directory.below) {
    await collect(trees, below, prefix + digits, note);
  }
  for (const [rest, blob] of directory.notes) note(prefix + rest, blob);
}

/**
 * The tree after edits, with the fan-out that Git would give it. Reads only the directories on the way to
 * edited notes.
 * @returns its id; `root` itself when nothing changes
 */
export async function editNotes(
  trees: TreeReader,
  writer: ObjectWriter,
  root: ObjectId,
  edits: NoteEdits,
): Promise<ObjectId> {
  return (await editDirectory(trees, writer, root, 0, edits)) ?? writer.write('tree', EMPTY);
}

const EMPTY = new Uint8Array(0);
const NEWLINE = 0x0a;

interface Directory {
  /** Blobs by the rest of the name at this level. */
  readonly notes: Map<string, ObjectId>;
  /** Trees by the two digits of their names. */
  readonly below: Map<string, ObjectId>;
  readonly others: TreeEntry[];
}

async function readDirectory(
  trees: TreeReader,
  tree: ObjectId | undefined,
  used: number,
): Promise<Directory> {
  const directory: Directory = { notes: new Map(), below: new Map(), others: [] };
  if (tree === undefined) return directory;
  // At a deeper level no digits would be left for the name.
  const isFanOut = used + LEVEL_DIGITS < ID_DIGITS;
  for (const entry of (trees.cached(tree) ?? (await trees.tree(tree))).entries) {
    const isHex = /^[0-9a-f]+$/.test(entry.name);
    if (isHex && entry.name.length === ID_DIGITS - used && isNoteMode(entry)) {
      directory.notes.set(entry.name, entry.id);
    } else if (isHex && isFanOut && entry.name.length === LEVEL_DIGITS && isTreeMode(entry.mode)) {
      directory.below.set(entry.name, entry.id);
    } else directory.others.push(entry);
  }
  return directory;
}

function isNoteMode({ mode }: TreeEntry): boolean {
  return (mode & TYPE_BITS) === REGULAR;
}

/**
 * @param used number of digits in the names of the directories above
 * @param edits by the rest of the name
 * @returns null for an empty directory
 */
async function editDirectory(
  trees: TreeReader,
  writer: ObjectWriter,
  tree: ObjectId | undefined,
  used: number,
  edits: ReadonlyMap<string, ObjectId | null>,
): Promise<ObjectId | null> {
  const directory = await readDirectory(trees, tree, used);
  const { notes, below } = directory;
  const editBelow = async (digits: string, its: Map<string, ObjectId | null>) => {
    const made = await editDirectory(trees, writer, below.get(digits), used + LEVEL_DIGITS, its);
    if (made === null) below.delete(digits);
    else below.set(digits, made);
  };

  const deeper = new Map<string, Map<string, ObjectId | null>>();
  for (const [rest, blob] of edits) {
    notes.delete(rest);
    if (below.has(rest.slice(0, LEVEL_DIGITS))) putBelow(deeper, rest, blob);
    else if (blob !== null) notes.set(rest, blob);
  }
  for (const [digits, its] of deeper) await editBelow(digits, its);

  if (fansOut(directory, used)) {
    const moved = new Map<string, Map<string, ObjectId | null>>();
    for (const [rest, blob] of notes) {
      const tree = below.get(rest.slice(0, LEVEL_DIGITS));
      const there = tree === undefined ? [] : await findNote(trees, tree, rest.slice(LEVEL_DIGITS));
      putBelow(moved, rest, await combine(trees, writer, [...there, blob]));
    }
    notes.clear();
    for (const [digits, its] of moved) await editBelow(digits, its);
  } else {
    for (const digits of [...below.keys()]) {
      const remain = await flatten(trees, writer, directory, digits, used);
      if (remain === null) below.delete(digits);
      else below.set(digits, remain);
    }
  }
  return writeDirectory(trees, writer, directory);
}

function putBelow(
  groups: Map<string, Map<string, ObjectId | null>>,
  rest: string,
  blob: ObjectId | null,
): void {
  const digits = rest.slice(0, LEVEL_DIGITS);
  const group = groups.get(digits);
  const name = rest.slice(LEVEL_DIGITS);
  if (group === undefined) groups.set(digits, new Map([[name, blob]]));
  else group.set(name, blob);
}

/**
 * Git's rule: names are split when every first digit has at least two notes or a directory, which suggests
 * that there are many notes.
 */
function fansOut({ notes, below }: Directory, used: number): boolean {
  if (ID_DIGITS - used <= LEVEL_DIGITS) return false;
  const weight = new Map<string, number>();
  for (const name of notes.keys()) weight.set(name[0]!, (weight.get(name[0]!) ?? 0) + 1);
  for (const name of below.keys()) weight.set(name[0]!, 2);
  return weight.size === 16 && [...weight.values()].every((count) => count >= 2);
}

/**
 * Moves the notes of a directory and of those below it into the directory above.
 * @returns the tree of its other entries; null when there are none
 */
async function flatten(
  trees: TreeReader,
  writer: ObjectWriter,
  above: Directory,
  digits: string,
  used: number,
): Promise<ObjectId | null> {
  const its = await readDirectory(trees, above.below.get(digits), used + LEVEL_DIGITS);
  for (const further of [...its.below.keys()]) {
    const remain = await flatten(trees, writer, its, further, used + LEVEL_DIGITS);
    if (remain === null) its.below.delete(further);
    else its.below.set(further, remain);
  }
  for (const [rest, blob] of its.notes) {
    const there = above.notes.get(digits + rest);
    const blobs = there === undefined ? [blob] : [blob, there];
    above.notes.set(digits + rest, await combine(trees, writer, blobs));
  }
  its.notes.clear();
  return writeDirectory(trees, writer, its);
}

/** One blob for several notes of the same object. */
async function combine(
  trees: TreeReader,
  writer: ObjectWriter,
  blobs: readonly ObjectId[],
): Promise<ObjectId> {
  const distinct = [...new Set(blobs)];
  if (distinct.length === 1) return distinct[0]!;
  return writer.write('blob', await readNote(trees.objects, distinct));
}

/**
 * The text of a note. Several blobs are joined with an empty line between them.
 * @throws CorruptObjectError when one is missing
 */
export async function readNote(
  objects: ObjectStore,
  blobs: readonly ObjectId[],
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const id of new Set(blobs)) {
    const object = await objects.read(id);
    if (object === undefined) throw missingObject(objects, id, 'The note');
    if (object.body.length === 0 && blobs.length > 1) continue;
    const last = parts.at(-1);
    if (last !== undefined) {
      if (last.at(-1) === NEWLINE) parts[parts.length - 1] = last.subarray(0, -1);
      parts.push(Buffer.from('\n\n'));
    }
    parts.push(object.body);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

async function writeDirectory(
  trees: TreeReader,
  writer: ObjectWriter,
  { notes, below, others }: Directory,
): Promise<ObjectId | null> {
  const entries: TreeEntry[] = [...others];
  for (const [name, id] of notes) entries.push({ name, mode: MODE_FILE, id });
  for (const [name, id] of below) entries.push({ name, mode: MODE_TREE, id });
  if (entries.length === 0) return null;
  const body = serializeTree(entries);
  const id = await writer.write('tree', body);
  trees.remember(id, body);
  return id;
}

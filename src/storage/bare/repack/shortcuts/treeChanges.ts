/** Which paths differ between the trees of two commits, read from trees as they lie. */
import { ID_LENGTH as LENGTH_OF_ID } from '../../../../git/idTable.ts';
import type { ObjectBytes } from '../../inventory/objectBytes.ts';
import type { ObjectTable } from '../../inventory/objectTable.ts';

/** Taken over once: between the chunks of a bundle every use of an import is a call. */
const ID_LENGTH = LENGTH_OF_ID;

const SPACE = 0x20;
const SLASH = 0x2f;
const TYPE_BITS = 0o170000;
const TREE_BITS = 0o040000;
const EMPTY = Buffer.alloc(0);
/** More are never asked for: the filter is full then (commitGraphWriter.ts). */
const MOST_PATHS = 513;

/**
 * The paths of files that differ, at most 513; undefined when there are more than a filter takes.
 * @param trees ids of the commits' trees, 20 bytes each
 * @param parentRow -1: all files of the commit's tree
 */
export function changedPaths(
  table: ObjectTable,
  bytes: ObjectBytes,
  trees: Buffer,
  row: number,
  parentRow: number,
): Buffer[] | undefined {
  const found: Buffer[] = [];
  const read = (ids: Buffer, at: number): Buffer => {
    const object = table.find(ids, at);
    // Only the empty tree may be missing.
    return object === -1 ? EMPTY : bytes.readAndKeep(object);
  };
  const before = parentRow === -1 ? EMPTY : read(trees, parentRow * ID_LENGTH);
  if (parentRow !== -1 && sameId(trees, parentRow * ID_LENGTH, trees, row * ID_LENGTH)) return [];
  const open = [levelOf(before, read(trees, row * ID_LENGTH), EMPTY)];
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const { a, b, prefix } = level;
    if (!a.here && !b.here) {
      open.pop();
      continue;
    }
    if (found.length >= MOST_PATHS) break;
    const order = !a.here ? 1 : !b.here ? -1 : compare(a, b);
    if (order !== 0 || !sameEntry(a, b)) {
      const entry = order < 0 ? a : b;
      const path = pathOf(prefix, entry);
      if (!entry.isTree) found.push(path);
      // Each directory on such a path is a path of its own.
      else if (open.length >= MOST_PATHS) return undefined;
      else {
        const was = order <= 0 && a.isTree ? read(a.body, a.idAt) : EMPTY;
        const is = order >= 0 ? read(b.body, b.idAt) : EMPTY;
        open.push(levelOf(was, is, withSlash(path)));
      }
    }
    if (order <= 0) a.next();
    if (order >= 0) b.next();
  }
  return found;
}

interface Level {
  readonly a: Entries;
  readonly b: Entries;
  readonly prefix: Buffer;
}

function levelOf(before: Buffer, after: Buffer, prefix: Buffer): Level {
  return { a: new Entries(before), b: new Entries(after), prefix };
}

/** A place in a tree. */
class Entries {
  readonly body: Buffer;
  here = true;
  modeAt = 0;
  nameStart = 0;
  nameEnd = 0;
  isTree = false;
  #end = 0;

  constructor(body: Buffer) {
    this.body = body;
    this.next();
  }

  get idAt(): number {
    return this.nameEnd + 1;
  }

  next(): void {
    const { body } = this;
    let at = this.#end;
    if (at >= body.length) {
      this.here = false;
      return;
    }
    this.modeAt = at;
    let mode = 0;
    for (let byte = body[at++]!; byte !== SPACE && at < body.length; byte = body[at++]!) {
      mode = mode * 8 + (byte - 0x30);
    }
    this.nameStart = at;
    while (at < body.length && body[at] !== 0) at++;
    this.nameEnd = at;
    this.isTree = (mode & TYPE_BITS) === TREE_BITS;
    this.#end = at + 1 + ID_LENGTH;
  }
}

/** Git's order: a directory counts as if its name ended in a slash. */
function compare(a: Entries, b: Entries): number {
  let i = a.nameStart;
  let j = b.nameStart;
  while (i < a.nameEnd && j < b.nameEnd && a.body[i] === b.body[j]) {
    i++;
    j++;
  }
  const x = i < a.nameEnd ? a.body[i]! : a.isTree ? SLASH : 0;
  const y = j < b.nameEnd ? b.body[j]! : b.isTree ? SLASH : 0;
  return x - y;
}

function sameEntry(a: Entries, b: Entries): boolean {
  const length = a.nameStart - a.modeAt;
  if (length !== b.nameStart - b.modeAt) return false;
  for (let i = 0; i < length; i++) {
    if (a.body[a.modeAt + i] !== b.body[b.modeAt + i]) return false;
  }
  return sameId(a.body, a.idAt, b.body, b.idAt);
}

function sameId(a: Buffer, aAt: number, b: Buffer, bAt: number): boolean {
  for (let i = 0; i < ID_LENGTH; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

function pathOf(prefix: Buffer, { body, nameStart, nameEnd }: Entries): Buffer {
  return Buffer.concat([prefix, body.subarray(nameStart, nameEnd)]);
}

function withSlash(path: Buffer): Buffer {
  return Buffer.concat([path, Buffer.of(SLASH)]);
}

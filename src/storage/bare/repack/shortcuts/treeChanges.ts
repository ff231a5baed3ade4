/** Finds the paths that differ between the trees of two commits. */
import {
  EntryScan,
  ID_LENGTH as LENGTH_OF_ID,
  linkKind,
} from '../../../../git/objects/entryScan.ts';
import type { ObjectBytes } from '../../inventory/objectBytes.ts';
import type { ObjectTable } from '../../inventory/objectTable.ts';

/** Taken over once: between the chunks of a bundle every use of an import is a call. */
const ID_LENGTH = LENGTH_OF_ID;

const SLASH = 0x2f;
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
    const order = !a.here ? 1 : !b.here ? -1 : a.compareTo(b);
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
    if (order <= 0) a.advance();
    if (order >= 0) b.advance();
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
class Entries extends EntryScan<Buffer> {
  /** Whether there is a current entry. */
  here = true;

  constructor(body: Buffer) {
    super(body);
    this.advance();
  }

  get idAt(): number {
    return this.nameEnd + 1;
  }

  get isTree(): boolean {
    return linkKind(this.mode) === 'tree';
  }

  advance(): void {
    this.here = this.next();
  }
}

function sameEntry(a: Entries, b: Entries): boolean {
  return a.mode === b.mode && sameId(a.body, a.idAt, b.body, b.idAt);
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

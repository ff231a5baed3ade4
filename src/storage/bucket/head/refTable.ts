/**
 * All refs of a store: a table, which has its own key once it is large, and the changes since it was
 * written.
 */
import { CorruptObjectError } from '../../../errors.ts';
import { isObjectId, type ObjectId } from '../../../git/objectId.ts';
import { comparePaths } from '../../../git/pathBytes.ts';
import type { RefEntry } from '../../storage.ts';

export type RefMap = ReadonlyMap<string, ObjectId>;

export class RefTable {
  /** Key of the table; undefined for an empty one, which is not stored. */
  readonly key: string | undefined;
  readonly table: RefMap;
  /** By name; null: deleted. */
  readonly changes: ReadonlyMap<string, ObjectId | null>;

  constructor(
    changes: ReadonlyMap<string, ObjectId | null> = new Map(),
    key?: string,
    table: RefMap = new Map(),
  ) {
    this.key = key;
    this.table = table;
    this.changes = changes;
  }

  get(ref: string): ObjectId | undefined {
    const changed = this.changes.get(ref);
    return changed === undefined ? this.table.get(ref) : (changed ?? undefined);
  }

  /** Sorted by name bytes. */
  list(prefix: string): RefEntry[] {
    const found: RefEntry[] = [];
    for (const [ref, id] of this.table) {
      if (ref.startsWith(prefix) && !this.changes.has(ref)) found.push({ ref, id });
    }
    for (const [ref, id] of this.changes) {
      if (id !== null && ref.startsWith(prefix)) found.push({ ref, id });
    }
    return found.sort((a, b) => comparePaths(a.ref, b.ref));
  }

  /** A ref below `folder`, which ends in a slash. */
  anyBelow(folder: string): string | undefined {
    for (const [ref, id] of this.changes) if (id !== null && ref.startsWith(folder)) return ref;
    for (const ref of this.table.keys()) {
      if (ref.startsWith(folder) && !this.changes.has(ref)) return ref;
    }
    return undefined;
  }

  /** The same with some refs moved. */
  with(moves: ReadonlyMap<string, ObjectId | null>): RefTable {
    const changes = new Map(this.changes);
    for (const [ref, id] of moves) {
      if (id === null && !this.table.has(ref)) changes.delete(ref);
      else changes.set(ref, id);
    }
    return new RefTable(changes, this.key, this.table);
  }
}

/** The bytes of a table: JSON, a list of pairs of id and name. */
export function formatRefTable(entries: readonly RefEntry[]): Buffer {
  return Buffer.from(JSON.stringify(entries.map(({ ref, id }) => [id, ref])));
}

/** @throws CorruptObjectError */
export function parseRefTable(bytes: Uint8Array, key: string): RefMap {
  try {
    const rows = JSON.parse(Buffer.from(bytes).toString()) as [unknown, unknown][];
    return new Map(
      rows.map(([id, ref]) => {
        if (typeof id !== 'string' || !isObjectId(id) || typeof ref !== 'string') throw Error();
        return [ref, id];
      }),
    );
  } catch (cause) {
    throw new CorruptObjectError(`The table of refs ${key} is damaged`, { cause });
  }
}

/**
 * Checks a stretch of one pack: every entry is inflated once, in the order of *delta trees*. A tree's
 * root is an entry that holds its object whole; below it are the deltas based on it, and so on. The
 * checks need nothing but the table of all objects, so stretches can be done on threads.
 */
import { crc32 } from 'node:zlib';
import { ID_LENGTH } from '../../../git/idTable.ts';
import { hashObject, type ObjectType } from '../../../git/objectId.ts';
import { EntryScan, linkKind } from '../../../git/objects/entryScan.ts';
import { findFaults, type NamedBlob, namedBlob } from '../../../git/objects/fsck.ts';
import { applyDelta } from '../../../git/packs/delta.ts';
import { packObjectType, parsePackEntry } from '../../../git/packs/pack.ts';
import { compressedBound, inflateExactly } from '../../../zlib/inflate.ts';
import { PackBytes, type PackHandle } from '../inventory/objectBytes.ts';
import { Kind, ObjectTable, type TableColumns } from '../inventory/objectTable.ts';
import { problemOf } from './problem.ts';

/** The entries of a pack by place, in the order of offsets; shared between threads. */
export interface EntryColumns {
  readonly offset: Float64Array;
  readonly end: Float64Array;
  readonly object: Int32Array;
  readonly kind: Uint8Array;
  readonly size: Float64Array;
  readonly crc: Uint32Array;
  /** The first delta based on it, and the next one based on the same; -1 for none. */
  readonly first: Int32Array;
  readonly next: Int32Array;
  /** Places of the roots of delta trees; large blobs without deltas are left out. */
  readonly roots: Int32Array;
}

export interface CheckTask {
  readonly table: TableColumns;
  readonly count: number;
  readonly packs: readonly PackHandle[];
  readonly entries: readonly EntryColumns[];
  readonly hasCrc: readonly boolean[];
}

/** The delta trees `from` up to `to` of a pack. */
export interface Stretch {
  readonly pack: number;
  readonly from: number;
  readonly to: number;
}

/** One link to an object that is not there. */
export interface BrokenLink {
  readonly from: string;
  readonly fromType: ObjectType;
  readonly to: string;
  readonly toType: ObjectType;
}

export interface Found {
  /** Object id and what is wrong with it. */
  readonly faults: [id: string, problem: string][];
  readonly broken: BrokenLink[];
  /** Blobs whose contents follow rules, by their object numbers. */
  readonly named: [object: number, kind: NamedBlob][];
  checked: number;
}

export function nothingFound(): Found {
  return { faults: [], broken: [], named: [], checked: 0 };
}

/** More faults of one kind tell nothing new, and fill the memory. */
const MOST_FAULTS = 10_000;
/** Bodies of bases that wait for their deltas; above it they are read again when they are needed. */
const HELD_LIMIT = 192 << 20;

interface Waiting {
  readonly place: number;
  /** Undefined when it was given up for lack of memory. */
  body: Buffer | undefined;
  readonly above: Waiting | undefined;
  /** The delta to be looked at next. */
  next: number;
}

export class PackCheck {
  readonly #task: CheckTask;
  readonly #table: ObjectTable;
  readonly #bytes: PackBytes;
  #found: Found = nothingFound();
  #held = 0;

  constructor(task: CheckTask) {
    this.#task = task;
    this.#table = new ObjectTable(task.table, task.count);
    this.#bytes = new PackBytes(task.packs, 64 << 20);
  }

  run({ pack, from, to }: Stretch): Found {
    this.#found = nothingFound();
    const { roots } = this.#task.entries[pack]!;
    for (let i = from; i < to; i++) this.#checkTree(pack, roots[i]!);
    return this.#found;
  }

  /** Checks an object whose bytes are in memory: its id, its form, and what it refers to. */
  checkObject(kind: number, id: string, body: Buffer): Found {
    this.#found = nothingFound();
    this.#checkBody(kind, id, body);
    return this.#found;
  }

  #checkTree(pack: number, root: number): void {
    const entries = this.#task.entries[pack]!;
    const { first, next } = entries;
    const body = this.#inflate(pack, root);
    if (body === undefined) {
      this.#faultBelow(entries, root);
      return;
    }
    this.#checkEntry(entries, root, body);
    let top: Waiting | undefined = { place: root, body, above: undefined, next: first[root]! };
    this.#held = body.length;
    while (top !== undefined) {
      const child: number = top.next;
      if (child === -1) {
        this.#held -= top.body?.length ?? 0;
        top = top.above;
        continue;
      }
      top.next = next[child]!;
      const base: Buffer | undefined = top.body ?? this.#bodyOf(pack, top);
      const delta = base === undefined ? undefined : this.#inflate(pack, child);
      let result: Buffer | undefined;
      if (base !== undefined && delta !== undefined) {
        try {
          result = applyDelta(base, delta);
        } catch {
          this.#fault(this.#idAt(entries, child), 'its delta does not fit its base');
        }
      }
      // No other delta is based on it: a long chain needs the memory of two bodies.
      if (top.next === -1 || this.#held > HELD_LIMIT) {
        this.#held -= top.body?.length ?? 0;
        top.body = undefined;
      }
      if (result === undefined) {
        this.#faultBelow(entries, child);
        continue;
      }
      this.#checkEntry(entries, child, result);
      if (first[child] === -1) continue;
      this.#held += result.length;
      top = { place: child, body: result, above: top, next: first[child]! };
    }
  }

  /** The body of a base that had been given up, from the bases above it. */
  #bodyOf(pack: number, waiting: Waiting): Buffer | undefined {
    const way: Waiting[] = [];
    let at: Waiting | undefined = waiting;
    for (; at !== undefined && at.body === undefined; at = at.above) way.push(at);
    let body = at?.body;
    for (let next = way.pop(); next !== undefined; next = way.pop()) {
      const data = this.#inflate(pack, next.place);
      if (data === undefined) return undefined;
      body = body === undefined ? data : applyDelta(body, data);
    }
    return body;
  }

  #inflate(pack: number, place: number): Buffer | undefined {
    const entries = this.#task.entries[pack]!;
    const offset = entries.offset[place]!;
    const length = entries.end[place]! - offset;
    const size = entries.size[place]!;
    const most = Math.min(length, compressedBound(size) + 64);
    try {
      const hasCrc = this.#task.hasCrc[pack]!;
      const bytes = this.#bytes.bytes(pack, offset, hasCrc ? length : most);
      if (hasCrc && crc32(bytes) !== entries.crc[place]) {
        this.#fault(
          this.#idAt(entries, place),
          'the checksum of its entry in the pack does not fit',
        );
      }
      return inflateExactly(bytes.subarray(parsePackEntry(bytes, 0).length), size);
    } catch (error) {
      this.#fault(this.#idAt(entries, place), problemOf(error, 'its data does not inflate'));
      return undefined;
    }
  }

  #checkEntry(entries: EntryColumns, place: number, body: Buffer): void {
    this.#checkBody(entries.kind[place]!, this.#idAt(entries, place), body);
  }

  #checkBody(kind: number, id: string, body: Buffer): void {
    this.#found.checked++;
    const type = packObjectType(kind)!;
    if (hashObject(type, body) !== id) {
      this.#fault(id, 'its bytes have another id');
      return;
    }
    if (kind === Kind.blob) return;
    for (const problem of findFaults(type, body)) this.#fault(id, problem);
    if (kind === Kind.tree) this.#followTree(id, body);
    else if (kind === Kind.commit) this.#followCommit(id, body);
    else this.#followTag(id, body);
  }

  #followTree(id: string, body: Buffer): void {
    const { columns } = this.#table;
    for (const entries = new EntryScan(body); entries.next(); ) {
      const kind = linkKind(entries.mode);
      if (kind === 'commit') continue;
      const expected = kind === 'tree' ? Kind.tree : Kind.blob;
      const idAt = entries.nameEnd + 1;
      const object = this.#table.find(body, idAt);
      if (object === -1) {
        this.#link(id, 'tree', body.toString('hex', idAt, entries.end), expected);
        continue;
      }
      const actual = columns.kind[object]!;
      if (actual !== Kind.unknown && actual !== expected) this.#mismatch(id, object, expected);
      if (expected === Kind.blob) {
        const named = namedBlob(body, entries.nameStart, entries.nameEnd);
        if (named !== undefined) this.#found.named.push([object, named]);
      }
    }
  }

  #followCommit(id: string, body: Buffer): void {
    let at = 0;
    if (body.toString('latin1', 0, 5) === 'tree ') {
      this.#follow(id, 'commit', body, 5, Kind.tree);
      at = 46;
    }
    while (body[at] === 0x70 && body.toString('latin1', at, at + 7) === 'parent ') {
      this.#follow(id, 'commit', body, at + 7, Kind.commit);
      at += 48;
    }
  }

  #followTag(id: string, body: Buffer): void {
    const [, type] =
      /^object [0-9a-f]{40}\ntype ([a-z]+)\n/.exec(body.toString('latin1', 0, 70)) ?? [];
    const kind = TYPES.indexOf(type ?? '');
    if (kind > 0) this.#follow(id, 'tag', body, 'object '.length, kind);
  }

  #follow(from: string, fromType: ObjectType, body: Buffer, at: number, expected: number): void {
    if (linked.write(body.toString('latin1', at, at + 40), 'hex') !== ID_LENGTH) return;
    const object = this.#table.find(linked, 0);
    if (object === -1) {
      this.#link(from, fromType, linked.toString('hex'), expected);
      return;
    }
    const actual = this.#table.columns.kind[object]!;
    if (actual !== Kind.unknown && actual !== expected) this.#mismatch(from, object, expected);
  }

  #link(from: string, fromType: ObjectType, to: string, expected: number): void {
    if (to === EMPTY_TREE || this.#found.broken.length >= MOST_FAULTS) return;
    this.#found.broken.push({ from, fromType, to, toType: packObjectType(expected)! });
  }

  #mismatch(from: string, object: number, expected: number): void {
    const wanted = packObjectType(expected);
    const actual = packObjectType(this.#table.columns.kind[object]!);
    const id = this.#table.idOf(object);
    this.#fault(from, `refers to ${id} as a ${wanted}, which is a ${actual}`);
  }

  /** What is based on an entry that cannot be read cannot be read either. */
  #faultBelow(entries: EntryColumns, place: number): void {
    const open = [entries.first[place]!];
    while (open.length > 0) {
      const child = open.pop()!;
      if (child === -1) continue;
      this.#fault(this.#idAt(entries, child), 'its delta base cannot be read');
      open.push(entries.next[child]!, entries.first[child]!);
    }
  }

  #idAt(entries: EntryColumns, place: number): string {
    return this.#table.idOf(entries.object[place]!);
  }

  #fault(id: string, problem: string): void {
    if (this.#found.faults.length < MOST_FAULTS) this.#found.faults.push([id, problem]);
  }
}

const TYPES = ['', 'commit', 'tree', 'blob', 'tag'];
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const linked = Buffer.alloc(ID_LENGTH);

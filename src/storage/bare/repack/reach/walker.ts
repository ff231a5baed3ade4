/**
 * Marks what is reachable from some objects, and lists it in the order in which Git packs it: commits by
 * date, the newest first, then the trees and blobs of one commit after the other. Gives each object the
 * *name hash* of the path where it was first seen, by which a delta search finds other versions of a file.
 */
import { sameBytes } from '../../../../bytes.ts';
import { CorruptObjectError } from '../../../../errors.ts';
import {
  EntryScan,
  ID_LENGTH as LENGTH_OF_ID,
  linkKind,
} from '../../../../git/objects/entryScan.ts';
import { nameHash } from '../../../../git/packs/nameHash.ts';
import { GoneError, type ObjectBytes } from '../../inventory/objectBytes.ts';
import { Kind, type ObjectTable } from '../../inventory/objectTable.ts';

/** Taken over once: between the chunks of a bundle every use of an import is a call. */
const ID_LENGTH = LENGTH_OF_ID;

const LINE_FEED = 10;

/** How long the walk may go on before it lets others have a turn, in milliseconds. */
const TURN = 40;

export interface WalkOptions {
  /** The bit that marks what has been reached. */
  readonly mark: number;
  /** Only objects with this bit are entered; default all. */
  readonly within?: number;
  /** Whether objects may be missing; default: it is an error. */
  readonly lenient?: boolean;
  /** Commits whose parents are not there and are not missed (shallow clones). */
  readonly cutOff?: ReadonlySet<number>;
  /**
   * Called for a fault of an object, whose broken links are not followed; default: throws.
   */
  readonly onFault?: (error: CorruptObjectError) => void;
  /** Called now and then; may throw to stop. */
  readonly onTurn?: (found: number) => void;
}

interface WaitingCommit {
  readonly object: number;
  readonly date: number;
  readonly tree: number;
  readonly parents: readonly number[];
}

/** A directory whose entries are being looked at. */
interface OpenTree {
  readonly object: number;
  readonly entries: EntryScan<Buffer>;
  readonly nameHash: number;
}

export class Walker {
  readonly #order: Int32Array;
  #length = 0;
  readonly #table: ObjectTable;
  readonly #bytes: ObjectBytes;
  readonly #options: WalkOptions;
  readonly #commits: WaitingCommit[] = [];
  /** Trees and blobs to begin with, and their name hashes. */
  readonly #others: number[] = [];
  readonly #treesOfCommits: number[] = [];
  #turnEnds = 0;

  constructor(table: ObjectTable, bytes: ObjectBytes, options: WalkOptions) {
    this.#table = table;
    this.#bytes = bytes;
    this.#options = options;
    this.#order = new Int32Array(table.count);
  }

  /** Whether a lenient walk has met something that is missing. */
  missed = false;

  /** What has been reached, in order. */
  get found(): Int32Array {
    return this.#order.subarray(0, this.#length);
  }

  /** Adds an object to begin with; its kind is found out where the table does not know it. */
  addRoot(root: number): void {
    const { kind, flags } = this.#table.columns;
    // A tag leads to its target.
    for (let object = root; object !== -1 && this.#enters(object); ) {
      if (kind[object] === Kind.unknown && !this.#findKind(object)) {
        flags[object]! |= this.#options.mark;
        return;
      }
      if (kind[object] === Kind.commit) {
        this.#pushCommit(object);
        return;
      }
      flags[object]! |= this.#options.mark;
      if (kind[object] !== Kind.tag) {
        this.#others.push(object);
        return;
      }
      this.#order[this.#length++] = object;
      object = this.#targetOf(object);
    }
  }

  /** Walks from everything that was added. May be called again after more was added. */
  async run(): Promise<void> {
    for (let next = this.#popCommit(); next !== undefined; next = this.#popCommit()) {
      this.#order[this.#length++] = next.object;
      if (next.tree !== -1) this.#treesOfCommits.push(next.tree);
      for (const parent of next.parents) this.#pushCommit(parent);
      if (this.#isTired()) await this.#rest();
    }
    const trees = this.#treesOfCommits.splice(0);
    const others = this.#others.splice(0);
    for (const tree of trees) {
      if (this.#reach(tree, Kind.tree)) this.#walkTree(tree);
      if (this.#isTired()) await this.#rest();
    }
    for (const object of others) {
      if (this.#table.columns.kind[object] === Kind.tree) this.#walkTree(object);
      else this.#order[this.#length++] = object;
      if (this.#isTired()) await this.#rest();
    }
  }

  #isTired(): boolean {
    return (this.#length & 63) === 0 && performance.now() > this.#turnEnds;
  }

  async #rest(): Promise<void> {
    this.#options.onTurn?.(this.#length);
    await new Promise((resolve) => setImmediate(resolve));
    this.#turnEnds = performance.now() + TURN;
  }

  #enters(object: number): boolean {
    const flags = this.#table.columns.flags[object]!;
    const { mark, within } = this.#options;
    return (flags & mark) === 0 && (within === undefined || (flags & within) !== 0);
  }

  /** Marks an object that something refers to; false when it need not be entered. */
  #reach(object: number, expected: number): boolean {
    if (!this.#enters(object)) return false;
    const { kind, flags } = this.#table.columns;
    if (kind[object] === Kind.unknown) kind[object] = expected;
    else if (kind[object] !== expected) {
      this.#fail(this.#fault(object, 'is of another type than it should'));
      return false;
    }
    flags[object]! |= this.#options.mark;
    return true;
  }

  #walkTree(root: number): void {
    const table = this.#table;
    const { kind: kinds, flags, nameHash: hashOf } = table.columns;
    const { mark, within, lenient } = this.#options;
    const open: OpenTree[] = [];
    let level: OpenTree = { object: root, entries: this.#entriesOf(root), nameHash: 0 };
    this.#order[this.#length++] = root;
    for (;;) {
      const { object: tree, entries } = level;
      if (!entries.next()) {
        const { fault } = entries;
        if (fault !== undefined) this.#fail(this.#fault(tree, `is a tree with ${fault}`));
        const above = open.pop();
        if (above === undefined) return;
        level = above;
        continue;
      }
      const type = linkKind(entries.mode);
      if (type === 'commit') continue;
      const { body, nameStart, nameEnd } = entries;
      const idAt = nameEnd + 1;
      const object = table.find(body, idAt);
      if (object === -1) {
        if (isEmptyTree(body, idAt)) continue;
        if (lenient) {
          this.missed = true;
          continue;
        }
        const id = body.toString('hex', idAt, entries.end);
        throw new GoneError(id, `the tree ${table.idOf(tree)}`);
      }
      const known = flags[object]!;
      if ((known & mark) !== 0 || (within !== undefined && (known & within) === 0)) continue;
      const expected = type === 'tree' ? Kind.tree : Kind.blob;
      if (kinds[object] === Kind.unknown) kinds[object] = expected;
      else if (kinds[object] !== expected) {
        this.#fail(this.#fault(object, 'is of another type than a tree says'));
        continue;
      }
      flags[object] = known | mark;
      const hash = nameHash(level.nameHash, body, nameStart, nameEnd);
      hashOf[object] = hash;
      this.#order[this.#length++] = object;
      if (expected === Kind.blob) continue;
      open.push(level);
      level = { object, entries: this.#entriesOf(object), nameHash: hash };
    }
  }

  #entriesOf(tree: number): EntryScan<Buffer> {
    try {
      return new EntryScan(this.#bytes.readAndKeep(tree));
    } catch (error) {
      this.#fail(error);
      return new EntryScan(NOTHING);
    }
  }

  /** False where the object is broken. */
  #findKind(object: number): boolean {
    try {
      this.#table.columns.kind[object] = this.#bytes.looseHeader(object).kind;
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** @throws the error, unless it is about a broken object and broken objects are skipped */
  #fail(error: unknown): void {
    const { onFault } = this.#options;
    const isFault = error instanceof CorruptObjectError && !(error instanceof GoneError);
    if (onFault === undefined || !isFault) throw error;
    onFault(error);
  }

  #pushCommit(object: number): void {
    if (!this.#reach(object, Kind.commit)) return;
    try {
      this.#insert(this.#parseCommit(object));
    } catch (error) {
      this.#fail(error);
      this.#insert({ object, date: 0, tree: -1, parents: [] });
    }
  }

  #parseCommit(object: number): WaitingCommit {
    const body = this.#bytes.readAndKeep(object);
    const { lenient, cutOff } = this.#options;
    const lineAt = (at: number): number => {
      const linked = this.#linked(object, body, at);
      if (linked === -1 && lenient) this.missed = true;
      if (linked !== -1 || lenient) return linked;
      throw new GoneError(
        body.toString('latin1', at, at + 40),
        `the commit ${this.#table.idOf(object)}`,
      );
    };
    if (body.toString('latin1', 0, 5) !== 'tree ') throw this.#fault(object, 'names no tree');
    const tree = isEmptyTreeText(body, 5) ? this.#linked(object, body, 5) : lineAt(5);
    let at = 46;
    const parents: number[] = [];
    while (body[at] === 0x70 && body.toString('latin1', at, at + 7) === 'parent ') {
      const parent = cutOff?.has(object) ? this.#linked(object, body, at + 7) : lineAt(at + 7);
      if (parent !== -1 && !cutOff?.has(object)) parents.push(parent);
      at += 48;
    }
    return { object, date: commitDate(body, at), tree, parents };
  }

  #linked(from: number, body: Buffer, at: number): number {
    if (linked.write(body.toString('latin1', at, at + 40), 'hex') !== ID_LENGTH) {
      throw this.#fault(from, 'names an id that is none');
    }
    return this.#table.find(linked, 0);
  }

  #targetOf(tag: number): number {
    try {
      return this.#parseTag(tag);
    } catch (error) {
      this.#fail(error);
      return -1;
    }
  }

  #parseTag(object: number): number {
    const body = this.#bytes.read(object);
    if (body.toString('latin1', 0, 7) !== 'object ') throw this.#fault(object, 'tags nothing');
    const target = this.#linked(object, body, 7);
    if (target === -1) {
      this.missed = true;
      if (this.#options.lenient) return -1;
      throw new GoneError(body.toString('latin1', 7, 47), `the tag ${this.#table.idOf(object)}`);
    }
    return target;
  }

  /** A heap with the newest commit at its top. */
  #insert(commit: WaitingCommit): void {
    const heap = this.#commits;
    let at = heap.length;
    heap.push(commit);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (heap[above]!.date >= commit.date) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = commit;
  }

  #popCommit(): WaitingCommit | undefined {
    const heap = this.#commits;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.date > heap[below]!.date) below++;
      if (heap[below]!.date <= last.date) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return top;
  }

  #fault(object: number, what: string): CorruptObjectError {
    const id = this.#table.idOf(object);
    return new CorruptObjectError(`object ${id} ${what}`, { objectId: id });
  }
}

const linked = Buffer.alloc(ID_LENGTH);
const NOTHING = Buffer.alloc(0);
const EMPTY_TREE = Buffer.from('4b825dc642cb6eb9a060e54bf8d69288fbee4904', 'hex');
const EMPTY_TREE_TEXT = EMPTY_TREE.toString('hex');

/** Git knows the empty tree even when it is not stored. */
function isEmptyTree(bytes: Buffer, at: number): boolean {
  return (
    bytes[at] === EMPTY_TREE[0] && sameBytes(EMPTY_TREE, 0, ID_LENGTH, bytes, at, at + ID_LENGTH)
  );
}

function isEmptyTreeText(bytes: Buffer, at: number): boolean {
  return bytes.toString('latin1', at, at + 40) === EMPTY_TREE_TEXT;
}

/** Seconds since the epoch; 0 where the commit does not say. */
export function commitDate(body: Buffer, from: number): number {
  const at = body.indexOf('\ncommitter ', from - 1, 'latin1');
  if (at === -1) return 0;
  let end = body.indexOf(LINE_FEED, at + 1);
  if (end === -1) end = body.length;
  let digits = body.lastIndexOf('> ', end, 'latin1') + 2;
  let date = 0;
  for (; digits < end; digits++) {
    const digit = body[digits]! - 48;
    if (digit < 0 || digit > 9) break;
    date = date * 10 + digit;
  }
  return date;
}

/**
 * Looking for one name in many trees of a history. A packed tree mostly is a delta against that of a
 * neighbour; from what stands in the neighbour and the few bytes of the delta it can be told what
 * stands in it (git/treeDelta.ts), without making either tree. Such trees are not hashed: what guards
 * them is the checksum of each zlib stream, as when Git reads packs.
 *
 * It is asked tens of thousands of times for a file's log, so it makes no objects but for answers.
 */
import type { ObjectId } from '../../git/objectId.ts';
import type { FoundEntry, PackedTrees } from '../../git/packedTrees.ts';
import { encodePath } from '../../git/pathBytes.ts';
import type { TreeEntry } from '../../git/tree.ts';
import { TrackedEntry } from '../../git/treeDelta.ts';
import type { PackedObject } from './packDirectory.ts';
import { MAX_CHAIN, type PackFile } from './packFile.ts';

/** Trees whose entry is remembered, about 60 bytes each. */
const MOST_KNOWN = 200_000;
/** A larger delta is no small change. */
const buffer = Buffer.allocUnsafeSlow(16 << 10);

type Answer = Pick<TreeEntry, 'mode' | 'id'>;

export class TreeProbe {
  readonly #entry: TrackedEntry;
  readonly #known = new KnownEntries();
  #pack: PackFile | undefined;
  /** Offsets of deltas that lead to the tree, each the base of the one before it. */
  readonly #chain: number[] = [];
  /** The last one: neighbours mostly have the same. */
  #answer: Answer = { mode: 0, id: '' };
  readonly #answerId = Buffer.alloc(20);
  readonly #name: Buffer;
  readonly #trees: PackedTrees | undefined;

  constructor(name: string, trees: PackedTrees | undefined) {
    this.#entry = new TrackedEntry(name);
    this.#name = encodePath(name);
    this.#trees = trees;
  }

  /** As `look`, for a tree that is where the one before it was. */
  lookThere(tree: ObjectId): Answer | null | undefined {
    const found = this.#trees?.find(tree, this.#name);
    return found && this.#answerWith(found);
  }

  /**
   * The entry in a tree; null when it has none. Undefined when the tree must be read as any other.
   * @throws CorruptObjectError
   */
  look({ pack, offset }: PackedObject): Answer | null | undefined {
    const found = this.#trees?.findAt(pack, offset, this.#name);
    if (found !== undefined) return found && this.#answerWith(found);
    const known = this.#known;
    if (pack !== this.#pack || known.count > MOST_KNOWN) {
      known.clear();
      this.#pack = pack;
    }
    const entry = this.#entry;
    const chain = this.#chain;
    chain.length = 0;
    let isLoaded = known.load(offset, entry);
    for (let at = offset; !isLoaded; isLoaded = known.load(at, entry)) {
      if (chain.push(at) > MAX_CHAIN) return undefined;
      const base = pack.baseOf(at);
      if (base === undefined) break;
      at = base;
    }
    for (let at = chain.pop(); at !== undefined; at = chain.pop()) {
      const length = isLoaded ? pack.inflateDelta(at, buffer) : -1;
      if (length < 0 || !entry.follow(buffer, length)) {
        const tree = pack.readNow(at);
        if (tree?.type !== 'tree') return undefined;
        entry.find(tree.body);
      }
      known.save(at, entry);
      isLoaded = true;
    }
    return entry.isThere ? this.#answerWith(entry) : null;
  }

  #answerWith({ mode, id }: FoundEntry): Answer {
    if (mode !== this.#answer.mode || !id.equals(this.#answerId)) {
      this.#answer = { mode, id: id.toString('hex') };
      this.#answerId.set(id);
    }
    return this.#answer;
  }
}

/** What was found in trees of one pack, by their offsets: columns with a row for each tree. */
class KnownEntries {
  #rows = new Map<number, number>();
  /** Mode (0: there is none), start and header length, three numbers a row. */
  #numbers = new Int32Array(3 << 8);
  #ids = Buffer.allocUnsafeSlow(20 << 8);

  get count(): number {
    return this.#rows.size;
  }

  clear(): void {
    this.#rows = new Map();
  }

  /** @returns whether the tree is known */
  load(offset: number, entry: TrackedEntry): boolean {
    const row = this.#rows.get(offset);
    if (row === undefined) return false;
    const numbers = this.#numbers;
    const mode = numbers[3 * row]!;
    entry.isThere = mode !== 0;
    entry.mode = mode;
    entry.start = numbers[3 * row + 1]!;
    entry.headerLength = numbers[3 * row + 2]!;
    for (let i = 0; i < 20; i++) entry.id[i] = this.#ids[20 * row + i]!;
    return true;
  }

  save(offset: number, entry: TrackedEntry): void {
    const row = this.#rows.size;
    this.#rows.set(offset, row);
    if (3 * row === this.#numbers.length) this.#grow();
    const numbers = this.#numbers;
    numbers[3 * row] = entry.isThere ? entry.mode : 0;
    numbers[3 * row + 1] = entry.start;
    numbers[3 * row + 2] = entry.headerLength;
    for (let i = 0; i < 20; i++) this.#ids[20 * row + i] = entry.id[i]!;
  }

  #grow(): void {
    const numbers = new Int32Array(2 * this.#numbers.length);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    const ids = Buffer.allocUnsafeSlow(2 * this.#ids.length);
    ids.set(this.#ids);
    this.#ids = ids;
  }
}

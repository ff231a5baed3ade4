/**
 * Looks up names in trees of packs, in WebAssembly (packedTrees.wat). The search of a history is done
 * before an engine would have compiled the same code in JavaScript, and allocates no objects for trees. As
 * when Git reads packs, only the checksum of each zlib stream protects the trees.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { moduleExports, moduleMemory, type WasmGlobal } from '../../zlib/webAssembly.ts';

/** Set when the sources are bundled: packedTrees.wat assembled, in Base64. */
declare const GITSTORE_PACKED_TREES: string;

/** Bytes of memory, as laid out in packedTrees.wat. */
const MEMORY = 3670016;
/** The longest name, in bytes. */
const LONGEST_NAME = 4096;
/** Upper bound for offsets in packs and indexes. */
const FILE = 2 ** 44;
/** Packs to search, at most. */
const MOST_PACKS = 16;
/** Added to the number of a pack to denote its index. */
const INDEX = 256;
/** Offset and length of the fan-out table in an index of version 2. */
const FANOUT_AT = 8;
const FANOUT_LENGTH = 1024;

/** A pack as a source of raw bytes. */
export interface PackBytes {
  /**
   * Reads entries from an offset on.
   * @returns the number of bytes read: fewer than `out` holds at the pack's end
   */
  readInto(out: Buffer, offset: number): number;
  /** The same for its index. */
  readIndexInto(out: Buffer, at: number): number;
  /** Whether its index has version 2 and no offsets of 2^31 and more. */
  readonly isIndexPlain: boolean;
}

/** The entry under a name. */
export interface FoundEntry {
  readonly mode: number;
  /** 20 bytes, valid until the next name is looked up. */
  readonly id: Buffer;
}

export class PackedTrees {
  readonly #memory: Buffer;
  readonly #name: Buffer;
  readonly #id: Buffer;
  readonly #fanouts: number;
  readonly #mode: WasmGlobal;
  readonly #find: (pack: number, length: number) => number;
  readonly #findAt: (address: number, length: number) => number;
  readonly #packs: PackBytes[] = [];
  /** Number of the last pack; -1 when its index cannot be searched here. */
  #last = -1;
  /** The error of a failed read. */
  #fault: { readonly error: unknown } | undefined;

  /** @returns undefined without WebAssembly, or without memory for it */
  static open(): PackedTrees | undefined {
    try {
      return new PackedTrees();
    } catch {
      return undefined;
    }
  }

  private constructor() {
    const memory = moduleMemory(MEMORY);
    this.#memory = Buffer.from(memory.buffer);
    const read = (address: number, at: number, length: number) => this.#read(address, at, length);
    const exports = moduleExports(GITSTORE_PACKED_TREES, { memory, read });
    const at = (name: string) => (exports[name] as WasmGlobal).value;
    this.#name = this.#memory.subarray(at('NAME'), at('NAME') + LONGEST_NAME);
    this.#id = this.#memory.subarray(at('ID'), at('ID') + 20);
    this.#fanouts = at('FANOUTS');
    this.#mode = exports.mode as WasmGlobal;
    this.#find = exports.find as (pack: number, length: number) => number;
    this.#findAt = exports.findAt as (address: number, length: number) => number;
  }

  #read(address: number, at: number, length: number): number {
    const number = Math.floor(address / FILE);
    const offset = address - number * FILE;
    const out = this.#memory.subarray(at, at + length);
    try {
      return number < INDEX
        ? this.#packs[number]!.readInto(out, offset)
        : this.#packs[number - INDEX]!.readIndexInto(out, offset);
    } catch (error) {
      this.#fault ??= { error };
      return 0;
    }
  }

  /**
   * The entry under a name in a tree of the last pack; null when it is missing. Undefined when the answer
   * is not available here: the tree is elsewhere, large, or broken.
   * @throws what the pack throws
   */
  find(tree: ObjectId, name: Buffer): FoundEntry | null | undefined {
    if (this.#last < 0 || name.length > LONGEST_NAME) return undefined;
    if (this.#id.write(tree, 'hex') !== this.#id.length) return undefined;
    name.copy(this.#name);
    return this.#answer(this.#find(this.#last, name.length));
  }

  /** The same for the tree with its entry at an offset of a pack. */
  findAt(pack: PackBytes, offset: number, name: Buffer): FoundEntry | null | undefined {
    if (name.length > LONGEST_NAME || offset >= FILE) return undefined;
    const number = this.#numberOf(pack);
    if (number === undefined) return undefined;
    name.copy(this.#name);
    return this.#answer(this.#findAt(number * FILE + offset, name.length));
  }

  #numberOf(pack: PackBytes): number | undefined {
    let number = this.#packs.indexOf(pack);
    if (number < 0) {
      if (this.#packs.length === MOST_PACKS) return undefined;
      const at = this.#fanouts + this.#packs.length * FANOUT_LENGTH;
      const fanout = this.#memory.subarray(at, at + FANOUT_LENGTH);
      if (pack.isIndexPlain) pack.readIndexInto(fanout, FANOUT_AT);
      number = this.#packs.push(pack) - 1;
    }
    this.#last = pack.isIndexPlain ? number : -1;
    return number;
  }

  #answer(found: number): FoundEntry | null | undefined {
    const fault = this.#fault;
    if (fault !== undefined) {
      this.#fault = undefined;
      throw fault.error;
    }
    if (found < 0) return undefined;
    return found === 0 ? null : { mode: this.#mode.value, id: this.#id };
  }
}

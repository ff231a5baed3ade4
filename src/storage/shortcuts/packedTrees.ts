/**
 * Looking up names in trees of packs, in WebAssembly (packedTrees.wat): a history is searched before the
 * engine would have compiled the same work in JavaScript, and no tree becomes an object on the way. What
 * guards trees is the checksum of each zlib stream, as when Git reads packs.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { moduleExports, moduleMemory, type WasmGlobal } from '../../zlib/webAssembly.ts';

/** Set when the sources are bundled: packedTrees.wat assembled, in Base64. */
declare const GITSTORE_PACKED_TREES: string;

/** Bytes of the memory, as packedTrees.wat divides it. */
const MEMORY = 3670016;
/** The longest name, in bytes. */
const LONGEST_NAME = 4096;
/** Offsets in packs, and in their indexes, are smaller. */
const FILE = 2 ** 44;
/** At most this many packs are searched. */
const MOST_PACKS = 16;
/** What is added to the number of a pack for its index. */
const INDEX = 256;
/** Where the fan-out of an index of version 2 begins, and how long it is. */
const FANOUT_AT = 8;
const FANOUT_LENGTH = 1024;

/** A pack, of which bytes are read as they lie. */
export interface PackBytes {
  /**
   * Reads entries from an offset on.
   * @returns how many bytes `out` holds now: fewer than it takes at the pack's end
   */
  readInto(out: Buffer, offset: number): number;
  /** The same of its index. */
  readIndexInto(out: Buffer, at: number): number;
  /** Whether its index is of version 2 and without offsets of 2^31 and more. */
  readonly isIndexPlain: boolean;
}

/** What stands under a name. */
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
  /** The one that was looked into last, by its number; -1 where its index cannot be searched here. */
  #last = -1;
  /** What went wrong while bytes were read. */
  #fault: { readonly error: unknown } | undefined;

  /** @returns undefined where there is no WebAssembly, or no memory for it */
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
   * What stands under a name in a tree of the pack that was looked into last; null when nothing does.
   * Undefined when that cannot be told here: the tree is elsewhere, it is large, or there is anything
   * wrong.
   * @throws what the pack throws
   */
  find(tree: ObjectId, name: Buffer): FoundEntry | null | undefined {
    if (this.#last < 0 || name.length > LONGEST_NAME) return undefined;
    if (this.#id.write(tree, 'hex') !== this.#id.length) return undefined;
    name.copy(this.#name);
    return this.#answer(this.#find(this.#last, name.length));
  }

  /** The same for the tree whose entry begins at an offset of a pack. */
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

/**
 * Sets of millions of object ids: 20 bytes an id in one block, and a hash table of positions (open addressing,
 * linear probing). The *position* of an id is its number in the order of insertion.
 */
import { randomInt } from 'node:crypto';
import { LITTLE_ENDIAN } from '../bytes.ts';
import type { ObjectId, ObjectType } from './objectId.ts';

const ID_LENGTH = 20;
const WORDS = ID_LENGTH / 4;
const FIRST_CAPACITY = 1024;
/**
 * A random factor for each word of an id. Prevents an attacker from making ids, as entries of a tree, that
 * all have the same slot.
 */
const [K0, K1, K2, K3, K4] = Array.from({ length: WORDS }, () => randomInt(2 ** 31) * 2 + 1) as [
  number,
  number,
  number,
  number,
  number,
];
/** Holds the bytes of an id in hex during a lookup. */
const scratch = Buffer.alloc(ID_LENGTH);

export class IdSet implements Iterable<ObjectId> {
  #count = 0;
  /** The ids as bytes, and the same memory as words. Only the first `count` ids are valid. */
  #bytes = Buffer.alloc(FIRST_CAPACITY * ID_LENGTH);
  #words = wordsOf(this.#bytes);
  /** Position + 1 of an id; 0: a free slot. At most half of the slots are taken. */
  #slots = new Int32Array(FIRST_CAPACITY * 2);
  /** Bits by which to shift a hash of 32 bits to get a slot. */
  #shift = 32 - Math.log2(FIRST_CAPACITY * 2);

  constructor(ids: Iterable<ObjectId> = []) {
    for (const id of ids) this.add(id);
  }

  get count(): number {
    return this.#count;
  }

  /** Every id as 20 bytes, one after the other. Valid until the next id is added. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Adds an id and returns its position, which is the previous `count` if the id is new. */
  add(id: ObjectId): number {
    return this.addBytes(toBytes(id), 0);
  }

  /** As `add`, for the 20 bytes at `at`. */
  addBytes(source: Uint8Array, at: number): number {
    const slot = this.#slotOf(source, at);
    const known = this.#slots[slot]!;
    if (known !== 0) return known - 1;
    const position = this.#count;
    if (position * ID_LENGTH === this.#bytes.length) {
      this.#grow();
      return this.addBytes(source, at);
    }
    const start = position * WORDS;
    for (let i = 0; i < WORDS; i++) this.#words[start + i] = wordAt(source, at + i * 4);
    this.#slots[slot] = position + 1;
    this.#count = position + 1;
    return position;
  }

  has(id: ObjectId): boolean {
    return this.positionOf(id) !== -1;
  }

  hasBytes(source: Uint8Array, at: number): boolean {
    return this.positionOfBytes(source, at) !== -1;
  }

  /** The position of an id, or -1. */
  positionOf(id: ObjectId): number {
    return this.positionOfBytes(toBytes(id), 0);
  }

  /** As `positionOf`, for the 20 bytes at `at`. */
  positionOfBytes(source: Uint8Array, at: number): number {
    return this.#slots[this.#slotOf(source, at)]! - 1;
  }

  /** The id at a position from 0 to `count - 1`. */
  idAt(position: number): ObjectId {
    if (!(position >= 0 && position < this.#count)) throw new RangeError(`No id ${position}`);
    const start = position * ID_LENGTH;
    return this.#bytes.toString('hex', start, start + ID_LENGTH);
  }

  *[Symbol.iterator](): Generator<ObjectId> {
    for (let position = 0; position < this.#count; position++) yield this.idAt(position);
  }

  /** The slot of an id, or the free one where it belongs. */
  #slotOf(source: Uint8Array, at: number): number {
    const slots = this.#slots;
    const words = this.#words;
    const mask = slots.length - 1;
    const w0 = wordAt(source, at);
    const w1 = wordAt(source, at + 4);
    const w2 = wordAt(source, at + 8);
    const w3 = wordAt(source, at + 12);
    const w4 = wordAt(source, at + 16);
    for (let slot = hashOf(w0, w1, w2, w3, w4) >>> this.#shift; ; slot = (slot + 1) & mask) {
      const position = slots[slot]! - 1;
      if (position === -1) return slot;
      const start = position * WORDS;
      if (
        words[start] === w0 &&
        words[start + 1] === w1 &&
        words[start + 2] === w2 &&
        words[start + 3] === w3 &&
        words[start + 4] === w4
      ) {
        return slot;
      }
    }
  }

  #grow(): void {
    const bytes = Buffer.alloc(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#words = wordsOf(bytes);
    const size = this.#slots.length * 2;
    const slots = new Int32Array(size);
    const mask = size - 1;
    const shift = this.#shift - 1;
    const w = this.#words;
    for (let position = 0, i = 0; position < this.#count; position++, i += WORDS) {
      let slot = hashOf(w[i]!, w[i + 1]!, w[i + 2]!, w[i + 3]!, w[i + 4]!) >>> shift;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = position + 1;
    }
    this.#slots = slots;
    this.#shift = shift;
  }
}

const TYPES: readonly ObjectType[] = ['commit', 'tree', 'blob', 'tag'];
const TYPE_CODES = { commit: 0, tree: 1, blob: 2, tag: 3 } as const;

/** Ids with the type of each object and Git's hash of its path (packs/nameHash.ts). */
export class ObjectSet extends IdSet {
  #types = new Uint8Array(FIRST_CAPACITY);
  #nameHashes = new Uint32Array(FIRST_CAPACITY);

  /** Adds an object. Keeps type and hash of an existing one. */
  addObject(id: ObjectId, type: ObjectType, nameHash = 0): number {
    return this.addObjectBytes(toBytes(id), 0, type, nameHash);
  }

  /** As `addObject`, for the 20 bytes at `at`. */
  addObjectBytes(source: Uint8Array, at: number, type: ObjectType, nameHash: number): number {
    const before = this.count;
    const position = this.addBytes(source, at);
    if (position < before) return position;
    if (position === this.#types.length) {
      this.#types = grown(this.#types, new Uint8Array(position * 2));
      this.#nameHashes = grown(this.#nameHashes, new Uint32Array(position * 2));
    }
    this.#types[position] = TYPE_CODES[type];
    this.#nameHashes[position] = nameHash;
    return position;
  }

  setNameHash(position: number, nameHash: number): void {
    this.#nameHashes[position] = nameHash;
  }

  typeAt(position: number): ObjectType {
    return TYPES[this.#types[position]!]!;
  }

  /** 0: the path is unknown. */
  nameHashAt(position: number): number {
    return this.#nameHashes[position]!;
  }
}

function grown<T extends Uint8Array | Uint32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

function hashOf(w0: number, w1: number, w2: number, w3: number, w4: number): number {
  return (
    Math.imul(w0, K0) +
    Math.imul(w1, K1) +
    Math.imul(w2, K2) +
    Math.imul(w3, K3) +
    Math.imul(w4, K4)
  );
}

function wordsOf(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Four bytes in the byte order of the machine. */
function wordAt(bytes: Uint8Array, at: number): number {
  return LITTLE_ENDIAN
    ? bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    : (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function toBytes(id: ObjectId): Buffer {
  if (id.length !== 2 * ID_LENGTH || scratch.write(id, 'hex') !== ID_LENGTH) {
    throw new TypeError(`Not an object id: ${id}`);
  }
  return scratch;
}

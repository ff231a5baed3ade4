/**
 * Objects of an incoming pack, cached as bases of deltas. Evicts the oldest first, but gives one that was
 * used since its insertion a second chance.
 */
import { Arena } from './arena.ts';

const LIMIT = 96 << 20;
/** Larger objects are not cached: one would evict too many others. */
const MAX_SHARE = 1 / 6;
/** Memory of an object in addition to its bytes. */
const OVERHEAD = 200;
const FIRST_CAPACITY = 1024;

export class BodyCache {
  /** By entry. */
  readonly #bodies: (Buffer | undefined)[] = [];
  #used = new Uint8Array(FIRST_CAPACITY);
  /** Entries in order of insertion, as a ring: `#length` of them from `#first` on. */
  #line = new Int32Array(FIRST_CAPACITY);
  #first = 0;
  #length = 0;
  #bytes = 0;
  readonly #survivors = new Arena();
  /** Whether nothing was evicted or refused. */
  complete = true;

  get(entry: number): Buffer | undefined {
    const body = this.#bodies[entry];
    if (body !== undefined) this.#used[entry] = 1;
    return body;
  }

  set(entry: number, body: Buffer): void {
    if (body.length > LIMIT * MAX_SHARE) {
      this.complete = false;
      return;
    }
    if (this.#bodies[entry] !== undefined) return;
    if (entry >= this.#used.length) this.#growUsed(entry);
    // Without holes the array stays a plain one.
    for (let i = this.#bodies.length; i < entry; i++) this.#bodies.push(undefined);
    this.#bodies[entry] = body;
    this.#used[entry] = 0;
    this.#push(entry);
    this.#bytes += body.length + OVERHEAD;
    while (this.#bytes > LIMIT) this.#dropOne();
  }

  #dropOne(): void {
    this.complete = false;
    const entry = this.#line[this.#first]!;
    this.#first = (this.#first + 1) % this.#line.length;
    this.#length--;
    const body = this.#bodies[entry]!;
    if (this.#used[entry] === 1) {
      this.#used[entry] = 0;
      // Copy it: its block also holds evicted neighbours.
      this.#bodies[entry] = this.#survivors.copy(body);
      this.#push(entry);
    } else {
      this.#bytes -= body.length + OVERHEAD;
      this.#bodies[entry] = undefined;
    }
  }

  #push(entry: number): void {
    const size = this.#line.length;
    if (this.#length === size) {
      const line = new Int32Array(size * 2);
      for (let i = 0; i < size; i++) line[i] = this.#line[(this.#first + i) % size]!;
      this.#line = line;
      this.#first = 0;
    }
    this.#line[(this.#first + this.#length) % this.#line.length] = entry;
    this.#length++;
  }

  #growUsed(entry: number): void {
    const used = new Uint8Array(Math.max(entry + 1, this.#used.length * 2));
    used.set(this.#used);
    this.#used = used;
  }
}

/**
 * What the packs of one store keep in memory: delta bases that were read lately, so that neighbours in
 * a chain do not inflate them again, and windows of the packs themselves.
 */
import type { GitObject } from '../storage.ts';
import type { PackFile } from './packFile.ts';
import { WindowBudget } from './packWindows.ts';

const DEFAULT_LIMIT = 96 << 20;
/** One larger base would push out too many others. */
const MAX_SHARE = 1 / 6;

/** Bases are kept least recently used first, bounded by bytes. */
export class ReadCache {
  readonly windows = new WindowBudget();
  readonly #limit: number;
  readonly #packs = new WeakMap<PackFile, number>();
  readonly #entries = new Map<string, GitObject>();
  #packCount = 0;
  #bytes = 0;

  /** @param limit in bytes */
  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  get(pack: PackFile, offset: number): GitObject | undefined {
    if (this.#entries.size === 0) return undefined;
    const key = this.#key(pack, offset);
    const found = this.#entries.get(key);
    if (found !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, found);
    }
    return found;
  }

  set(pack: PackFile, offset: number, object: GitObject): void {
    const size = object.body.length;
    const key = this.#key(pack, offset);
    if (size > this.#limit * MAX_SHARE || this.#entries.has(key)) return;
    this.#entries.set(key, object);
    this.#bytes += size;
    for (const [oldest, { body }] of this.#entries) {
      if (this.#bytes <= this.#limit) break;
      this.#entries.delete(oldest);
      this.#bytes -= body.length;
    }
  }

  #key(pack: PackFile, offset: number): string {
    let number = this.#packs.get(pack);
    if (number === undefined) {
      number = this.#packCount++;
      this.#packs.set(pack, number);
    }
    return `${number}:${offset}`;
  }
}

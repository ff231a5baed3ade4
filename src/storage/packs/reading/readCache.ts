/**
 * Memory of the packs of one store: recent delta bases, so that neighbours in a chain do not inflate
 * them again, and windows of the packs themselves.
 */
import type { GitObject } from '../../storage.ts';
import { WindowBudget } from './packWindows.ts';

const DEFAULT_LIMIT = 96 << 20;
/** Larger bases are not cached: one would evict too many others. */
const MAX_SHARE = 1 / 6;

/** A pack as a key. */
type Pack = object;

type Generation = Map<Pack, Map<number, GitObject>>;

/**
 * Bases are kept in two generations: what is asked for moves to the young one; when that has half of
 * the bytes, it becomes the old one, and the old one is dropped. So what is used stays, and neither
 * asking nor dropping takes longer the more there is.
 */
export class ReadCache {
  readonly windows = new WindowBudget();
  readonly #limit: number;
  #young: Generation = new Map();
  #old: Generation = new Map();
  #youngBytes = 0;
  /** The maps of the pack that was asked for last, which is nearly always the next one too. */
  #pack: Pack | undefined;
  #packYoung = new Map<number, GitObject>();
  #packOld: Map<number, GitObject> | undefined;

  /** @param limit in bytes */
  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  get(pack: Pack, offset: number): GitObject | undefined {
    if (pack !== this.#pack) this.#turnTo(pack);
    const found = this.#packYoung.get(offset);
    if (found !== undefined) return found;
    const aged = this.#packOld?.get(offset);
    if (aged !== undefined) this.set(pack, offset, aged);
    return aged;
  }

  set(pack: Pack, offset: number, object: GitObject): void {
    const size = object.body.length;
    if (pack !== this.#pack) this.#turnTo(pack);
    if (size > this.#limit * MAX_SHARE || this.#packYoung.has(offset)) return;
    if (this.#youngBytes + size > this.#limit / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
      this.#turnTo(pack);
    }
    this.#packYoung.set(offset, object);
    this.#youngBytes += size;
  }

  #turnTo(pack: Pack): void {
    let young = this.#young.get(pack);
    if (young === undefined) {
      young = new Map();
      this.#young.set(pack, young);
    }
    this.#pack = pack;
    this.#packYoung = young;
    this.#packOld = this.#old.get(pack);
  }
}

/**
 * A walk by first parents through one file of a commit-graph, in WebAssembly (graphWalk.wat): a process
 * that walks once is done with it before the engine would have compiled the same loop in JavaScript.
 * The parts of the file lie in the walk's own memory, behind the hashes of a path and a word for each
 * commit.
 */
import type { Chunk } from './chunkFile.ts';
import { moduleExports, moduleMemory, type WasmGlobal } from './webAssembly.ts';

/** Set when the sources are bundled: graphWalk.wat assembled, in Base64. */
declare const GITSTORE_GRAPH_WALK: string;

/** Where a walk is. */
export interface WalkPlace {
  position: number;
  /** How many more steps it takes. */
  left: number;
}

/** Why a walk stops. */
export const Stop = {
  /** It has taken all its steps. */
  arrived: 0,
  /** The commit may have changed the path. */
  change: 1,
  /** The commit has no parents. */
  end: 2,
  /** The position is none of this file's. */
  elsewhere: 3,
} as const;

export type Stop = (typeof Stop)[keyof typeof Stop];

/** In bytes: room for the hashes of a path. */
const KEYS = 8 << 10;
/** Numbers of 32 bits must do. */
const LARGEST = 1 << 30;
/** Bytes before the filters, in their part of the file. */
const FILTER_HEADER = 12;

const PARTS = ['CDAT', 'BIDX', 'BDAT'];

export class GraphWalk {
  readonly #parts: ReadonlyMap<string, Buffer>;
  readonly #keys: Buffer;
  readonly #position: WasmGlobal;
  readonly #left: WasmGlobal;
  readonly #gather: () => void;
  readonly #ask: (keys: number) => void;
  readonly #walk: (changes: number) => Stop;
  #isGathered = false;
  /** What the words of commits tell of now. */
  #asked: readonly Uint32Array[] | undefined;
  /** What they told of before. */
  readonly #displaced = new WeakSet<readonly Uint32Array[]>();

  /**
   * @param chunks where the parts of the file lie
   * @param first position of the file's first commit
   * @returns undefined where that cannot be: then go another way
   */
  static open(
    chunks: ReadonlyMap<string, Chunk>,
    first: number,
    count: number,
  ): GraphWalk | undefined {
    try {
      return new GraphWalk(chunks, first, count);
    } catch {
      return undefined;
    }
  }

  private constructor(chunks: ReadonlyMap<string, Chunk>, first: number, count: number) {
    const parts = new Map<string, { at: number; length: number }>();
    let end = KEYS + count * 4;
    for (const name of PARTS) {
      const { start, end: stop } = chunks.get(name) ?? { start: 0, end: 0 };
      parts.set(name, { at: end, length: stop - start });
      end += stop - start;
    }
    if (end > LARGEST) throw new RangeError('too large');
    const memory = moduleMemory(end);
    const exports = moduleExports(GITSTORE_GRAPH_WALK, { memory });
    const place = (name: string) => exports[name] as WasmGlobal;
    place('first').value = first;
    place('count').value = count;
    place('table').value = KEYS;
    place('rows').value = parts.get('CDAT')!.at;
    place('ends').value = parts.get('BIDX')!.at;
    place('filters').value = parts.get('BDAT')!.at + FILTER_HEADER;
    place('filtersLength').value = Math.max(0, parts.get('BDAT')!.length - FILTER_HEADER);
    this.#position = place('position');
    this.#left = place('left');
    this.#gather = exports.gather as () => void;
    this.#ask = exports.ask as (keys: number) => void;
    this.#walk = exports.walk as (changes: number) => Stop;
    this.#keys = Buffer.from(memory.buffer, 0, KEYS);
    this.#parts = new Map(
      Array.from(parts, ([name, { at, length }]) => [name, Buffer.from(memory.buffer, at, length)]),
    );
  }

  /** Where a part of the file is to be put before a walk looks at it; undefined when none does. */
  part(name: string): Buffer | undefined {
    return this.#parts.get(name);
  }

  /**
   * Takes steps from `place` until one of the reasons to stop, and says which.
   * @param hashes stop at commits that may have changed the path with these (changedPaths.ts)
   * @returns undefined when there are too many hashes, or there is another walk with others: two that
   *   take turns would ask all filters anew each time
   */
  run(place: WalkPlace, hashes: readonly Uint32Array[] | undefined): Stop | undefined {
    let keys = 0;
    for (const { length } of hashes ?? []) keys += length;
    if (keys * 4 > KEYS || (hashes !== undefined && this.#displaced.has(hashes))) return undefined;
    if (!this.#isGathered) {
      this.#gather();
      this.#isGathered = true;
    }
    if (hashes !== undefined && hashes !== this.#asked) {
      let at = 0;
      for (const part of hashes) for (const key of part) at = this.#keys.writeUInt32LE(key, at);
      this.#ask(keys);
      if (this.#asked !== undefined) this.#displaced.add(this.#asked);
      this.#asked = hashes;
    }
    this.#position.value = place.position;
    this.#left.value = place.left;
    const stop = this.#walk(hashes === undefined ? 0 : 1);
    place.position = this.#position.value >>> 0;
    place.left = this.#left.value;
    return stop;
  }
}

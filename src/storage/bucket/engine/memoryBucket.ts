/**
 * The five verbs in memory, with injected faults, for the proofs of the protocol. Keeps the promises of an
 * object storage and no more: a request may arrive late, its answer later or never.
 */
import { createHash } from 'node:crypto';
import type {
  Absent,
  Bucket,
  BucketRange,
  Busy,
  Conflict,
  Described,
  GetOptions,
  Got,
  Listed,
  Page,
  Put,
  PutBody,
  PutOptions,
  Unchanged,
  Unknown,
} from './bucket.ts';

export type Verb = 'get' | 'put' | 'remove' | 'list' | 'head';

/** What happens to one request. */
export interface Passage {
  /**
   * `busy`: nothing happens. `lost`: nothing happens, and the asker is not told so. `unanswered`: it
   * happens, and the asker is not told so. `doubled`: it arrives a second time, when `again` resolves.
   */
  readonly fault?: 'busy' | 'lost' | 'unanswered' | 'doubled' | undefined;
  /** Resolves when the request arrives. */
  readonly arrival?: Promise<unknown> | undefined;
  /** Resolves when the answer is back, begun once the request has had its effect. */
  readonly answer?: (() => Promise<unknown>) | undefined;
  readonly again?: Promise<unknown> | undefined;
}

export interface MemoryBucketOptions {
  readonly location?: string | undefined;
  /** Milliseconds since 1970, the bucket's own clock; default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Entries of a page of `list`; default 1,000. */
  readonly pageSize?: number | undefined;
  /** Called for every change as it happens; undefined: the key has been removed. */
  readonly onChange?: ((key: string, body: Buffer | undefined) => void) | undefined;
  /** Called for each request. Default: each succeeds at once. */
  readonly passage?: ((verb: Verb, key: string) => Passage | undefined) | undefined;
}

interface Stored {
  readonly body: Buffer;
  readonly tag: string;
  readonly modified: number;
}

const BUSY: Busy = { kind: 'busy', reason: 'slow down' };
const LOST: Unknown = { kind: 'unknown', reason: 'the connection was reset' };

export class MemoryBucket implements Bucket {
  readonly location: string;
  #objects = new Map<string, Stored>();
  readonly #options: MemoryBucketOptions;

  constructor(options: MemoryBucketOptions = {}) {
    this.location = options.location ?? 'memory-bucket:';
    this.#options = options;
  }

  /** The same bucket by way of another network. */
  through(passage: MemoryBucketOptions['passage']): MemoryBucket {
    const other = new MemoryBucket({ ...this.#options, passage });
    other.#objects = this.#objects;
    return other;
  }

  get(key: string, options: GetOptions = {}): Promise<Got | Unchanged | Absent | Busy | Unknown> {
    return this.#pass('get', key, () => {
      const stored = this.#objects.get(key);
      if (stored === undefined) return { kind: 'absent' };
      const { body, tag } = stored;
      if (tag === options.ifNoneMatch) return { kind: 'unchanged' };
      return { kind: 'ok', body: cut(body, options.range), tag, size: body.length };
    });
  }

  async put(
    key: string,
    body: PutBody,
    { ifAbsent, ifMatch }: PutOptions = {},
  ): Promise<Put | Conflict | Busy | Unknown> {
    const bytes = Buffer.from(body instanceof Uint8Array ? body : await body.read(0, body.size));
    return this.#pass('put', key, () => {
      const before = this.#objects.get(key);
      if (ifAbsent && before !== undefined) return { kind: 'conflict' };
      if (ifMatch !== undefined && before?.tag !== ifMatch) return { kind: 'conflict' };
      // As engines have it: equal bytes, equal tags.
      const tag = createHash('md5').update(bytes).digest('hex');
      this.#objects.set(key, { body: bytes, tag, modified: this.#now() });
      this.#options.onChange?.(key, bytes);
      return { kind: 'ok', tag };
    });
  }

  remove(keys: readonly string[]): Promise<{ readonly kind: 'ok' } | Busy | Unknown> {
    return this.#pass('remove', keys[0] ?? '', () => {
      for (const key of keys) {
        this.#objects.delete(key);
        this.#options.onChange?.(key, undefined);
      }
      return { kind: 'ok' };
    });
  }

  list(prefix: string, from = ''): Promise<Page | Busy | Unknown> {
    return this.#pass('list', prefix, () => {
      const { pageSize = 1000 } = this.#options;
      const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && key > from);
      const page = keys.sort().slice(0, pageSize);
      const entries = page.map((key): Listed => {
        const { body, modified } = this.#objects.get(key)!;
        return { key, size: body.length, modified };
      });
      return { kind: 'ok', entries, next: keys.length > pageSize ? page.at(-1) : undefined };
    });
  }

  head(key: string): Promise<Described | Absent | Busy | Unknown> {
    return this.#pass('head', key, () => {
      const stored = this.#objects.get(key);
      if (stored === undefined) return { kind: 'absent' };
      const { body, tag, modified } = stored;
      return { kind: 'ok', tag, size: body.length, modified };
    });
  }

  async close(): Promise<void> {}

  /** All keys as they are now, past every fault. */
  get keys(): string[] {
    return [...this.#objects.keys()].sort();
  }

  /** The current body of a key, without faults. Tests may damage it. */
  peek(key: string): Buffer | undefined {
    return this.#objects.get(key)?.body;
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  async #pass<T>(verb: Verb, key: string, act: () => T): Promise<T | Busy | Unknown> {
    const passage = this.#options.passage?.(verb, key);
    if (passage === undefined) return act();
    const { fault, arrival, answer, again } = passage;
    await arrival;
    if (fault === 'busy') {
      await answer?.();
      return BUSY;
    }
    if (fault === 'lost') {
      await answer?.();
      return LOST;
    }
    const result = act();
    if (fault === 'doubled') void again?.then(act);
    await answer?.();
    return fault === 'unanswered' ? LOST : result;
  }
}

function cut(body: Buffer, range: BucketRange | undefined): Buffer {
  return Buffer.from(range === undefined ? body : body.subarray(range.start, range.end));
}

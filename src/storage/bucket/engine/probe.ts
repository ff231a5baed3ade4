/**
 * Tests whether an engine keeps the promises that a store needs. Some engines claim conditional writes and let
 * two writers win, so that a store loses commits. Uses keys of its own, and removes them. Runs a short test
 * before a store is made; `gitstore doctor` runs all of it.
 */
import { randomBytes } from 'node:crypto';
import { GitStoreError, UnreachableError } from '../../../errors.ts';
import type { Bucket, Busy, Conflict, Put, Unknown } from './bucket.ts';

/** Looks for a fault at most, while answers are lost: then an engine may seem to break a promise that it keeps. */
const LOOKS = 4;

/** The prefix of a probe's keys. A killed probe leaves some, which are not part of the store. */
export const PROBE_FOLDER = 'probe/';

export interface Finding {
  /** The tested promise. */
  readonly what: string;
  /** How the engine breaks it; undefined if it does not. */
  readonly fault?: string | undefined;
}

export interface ProbeOptions {
  /** Rounds of each race; default 2. */
  readonly rounds?: number | undefined;
  /** Writers in a race; default 8. */
  readonly writers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for an engine that is busy; default 60,000. */
  readonly deadline?: number | undefined;
}

/** @throws UnreachableError when the engine does not answer; RemoteError when it refuses */
export async function probe(bucket: Bucket, options: ProbeOptions = {}): Promise<Finding[]> {
  const one = new Probe(bucket, options);
  try {
    return await one.run();
  } finally {
    await one.clean();
  }
}

/** @throws GitStoreError (`EENGINE`) when a store there would not be safe */
export function requireSound(bucket: Bucket, findings: readonly Finding[]): void {
  const faulty = findings.find(({ fault }) => fault !== undefined);
  if (faulty === undefined) return;
  throw new GitStoreError(
    `${bucket.location}: the object storage is not safe for a store: ${faulty.fault}; use one with conditional writes (docs/object-storage.md)`,
    'EENGINE',
  );
}

class Probe {
  readonly #bucket: Bucket;
  readonly #options: ProbeOptions;
  readonly #folder = `${PROBE_FOLDER}${randomBytes(8).toString('hex')}/`;
  readonly #keys: string[] = [];
  readonly #end: number;
  /** Answers that told nothing. */
  #unknown = 0;

  constructor(bucket: Bucket, options: ProbeOptions) {
    this.#bucket = bucket;
    this.#options = options;
    this.#end = performance.now() + (options.deadline ?? 60_000);
  }

  async run(): Promise<Finding[]> {
    const { rounds = 2 } = this.#options;
    return [
      await this.#finding('read after write', () => this.#readAfterWrite()),
      await this.#finding('create a key that exists', () => this.#createTwice()),
      await this.#finding('swap with an old tag', () => this.#staleTag()),
      await this.#finding('swap a key that is not there', () => this.#absentKey()),
      await this.#finding(`${rounds} races of creates`, () =>
        this.#races(() => this.#createRace()),
      ),
      await this.#finding(`${rounds} races of swaps`, () => this.#races(() => this.#swapRace())),
    ];
  }

  async clean(): Promise<void> {
    // An engine that is gone says so elsewhere.
    await this.#bucket.remove(this.#keys).catch(() => {});
  }

  async #finding(what: string, check: () => Promise<string | undefined>): Promise<Finding> {
    this.#options.signal?.throwIfAborted();
    for (let look = 1; ; look++) {
      const before = this.#unknown;
      const fault = await check();
      const isSure = fault === undefined || this.#unknown === before;
      if (isSure || look === LOOKS) return { what, fault };
    }
  }

  async #readAfterWrite(): Promise<string | undefined> {
    const key = this.#key();
    const tag = await this.#put(key, 'one');
    if ((await this.#read(key)) !== 'one') return 'what was written is not read back';
    const unchanged = await this.#ask(() => this.#bucket.get(key, { ifNoneMatch: tag }));
    if (unchanged.kind !== 'unchanged')
      return 'a GET with If-None-Match of the same tag sends it all';
    const part = await this.#ask(() => this.#bucket.get(key, { range: { start: 1, end: 2 } }));
    if (part.kind !== 'ok' || Buffer.from(part.body).toString() !== 'n')
      return 'ranges are ignored';
    await this.#put(key, 'two');
    if ((await this.#read(key)) !== 'two') return 'after an overwrite the old bytes are read';
    if (!(await this.#lists(key))) return 'a new key is not listed';
    await this.#ask(() => this.#bucket.remove([key]));
    if ((await this.#read(key)) !== undefined) return 'a removed key is still read';
    return (await this.#lists(key)) ? 'a removed key is still listed' : undefined;
  }

  async #createTwice(): Promise<string | undefined> {
    const key = this.#key();
    await this.#put(key, 'first');
    const second = await this.#settled(key, 'second', () =>
      this.#bucket.put(key, Buffer.from('second'), { ifAbsent: true }),
    );
    if (!second && (await this.#read(key)) === 'first') return undefined;
    return 'it overwrites a key that may only be created (If-None-Match: * is ignored)';
  }

  async #staleTag(): Promise<string | undefined> {
    const key = this.#key();
    const old = await this.#put(key, 'first');
    const fresh = await this.#put(key, 'second');
    const swap = (body: string, tag: string) =>
      this.#settled(key, body, () => this.#bucket.put(key, Buffer.from(body), { ifMatch: tag }));
    if (await swap('third', old))
      return 'it swaps by a tag that is out of date (If-Match is ignored)';
    if (await swap('fourth', fresh)) return undefined;
    return 'it refuses a swap by the tag that the key has';
  }

  async #absentKey(): Promise<string | undefined> {
    const key = this.#key();
    const tag = await this.#put(this.#key(), 'another');
    const made = await this.#settled(key, 'made', () =>
      this.#bucket.put(key, Buffer.from('made'), { ifMatch: tag }),
    );
    return made ? 'a swap makes a key that is not there' : undefined;
  }

  async #races(race: () => Promise<string | undefined>): Promise<string | undefined> {
    const { rounds = 2, signal } = this.#options;
    for (let round = 0; round < rounds; round++) {
      signal?.throwIfAborted();
      const fault = await race();
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #createRace(): Promise<string | undefined> {
    return this.#race(this.#key(), { ifAbsent: true }, 'create one key');
  }

  async #swapRace(): Promise<string | undefined> {
    const key = this.#key();
    const ifMatch = await this.#put(key, 'start');
    return this.#race(key, { ifMatch }, 'swap one key by one tag');
  }

  /** Writes all at once. The key shows whether an unknown answer was the winner's. */
  async #race(
    key: string,
    condition: { readonly ifAbsent: true } | { readonly ifMatch: string },
    deed: string,
  ): Promise<string | undefined> {
    const { writers = 8 } = this.#options;
    const bodies = Array.from(
      { length: writers },
      (_, i) => `${i} ${randomBytes(8).toString('hex')}`,
    );
    const answers = await Promise.all(
      bodies.map((body) => this.#bucket.put(key, Buffer.from(body), condition)),
    );
    this.#unknown += answers.filter(({ kind }) => kind === 'unknown').length;
    const winners = bodies.filter((_, i) => answers[i]!.kind === 'ok');
    if (winners.length > 1)
      return `${winners.length} of ${writers} who ${deed} are told that they won`;
    const there = await this.#read(key);
    const [winner] = winners;
    if (winner !== undefined && there !== winner) {
      return `one who may ${deed} is told that it won, and what another wrote is there`;
    }
    const writer = answers[bodies.indexOf(there ?? '')];
    if (winner === undefined && writer !== undefined && writer.kind !== 'unknown') {
      return `one of ${writers} who ${deed} wrote it and is told that it did not`;
    }
    return undefined;
  }

  #key(): string {
    const key = this.#folder + this.#keys.length;
    this.#keys.push(key);
    return key;
  }

  /** @returns the tag */
  async #put(key: string, body: string): Promise<string> {
    const answer = await this.#ask(() => this.#bucket.put(key, Buffer.from(body)));
    if (answer.kind === 'ok') return answer.tag;
    throw new GitStoreError(
      `${this.#bucket.location}: a write without a condition is refused`,
      'EENGINE',
    );
  }

  async #read(key: string): Promise<string | undefined> {
    const answer = await this.#ask(() => this.#bucket.get(key));
    return answer.kind === 'ok' ? Buffer.from(answer.body).toString() : undefined;
  }

  async #lists(key: string): Promise<boolean> {
    const page = await this.#ask(() => this.#bucket.list(key));
    return page.entries.some((entry) => entry.key === key);
  }

  /** Whether a conditional write has succeeded. Reads the key after an unknown answer. */
  async #settled(
    key: string,
    body: string,
    write: () => Promise<Put | Conflict | Busy | Unknown>,
  ): Promise<boolean> {
    const answer = await this.#patiently(write, ['busy']);
    if (answer.kind === 'ok') return true;
    return answer.kind === 'unknown' && (await this.#read(key)) === body;
  }

  async #ask<T extends { readonly kind: string }>(
    request: () => Promise<T>,
  ): Promise<Exclude<T, Busy | Unknown>> {
    const answer = await this.#patiently(request, ['busy', 'unknown']);
    return answer as Exclude<T, Busy | Unknown>;
  }

  async #patiently<T extends { readonly kind: string }>(
    request: () => Promise<T>,
    kinds: readonly string[],
  ): Promise<T> {
    for (let pause = 50; ; pause = Math.min(2 * pause, 2000)) {
      const answer = await request();
      if (answer.kind === 'unknown') this.#unknown++;
      if (!kinds.includes(answer.kind)) return answer;
      if (performance.now() > this.#end) {
        const { reason } = answer as unknown as Busy;
        throw new UnreachableError(
          `${this.#bucket.location} cannot be reached: ${reason}; try again later`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
    }
  }
}

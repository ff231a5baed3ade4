/**
 * The five verbs with retries: repeats requests with a busy answer, and safe ones with an unknown answer,
 * until a deadline. Does not retry the PUT of `head`: head/headKeeper.ts interprets its answers.
 */
import { OutcomeUnknownError, UnreachableError } from '../../../errors.ts';
import type {
  Absent,
  Bucket,
  Busy,
  Described,
  GetOptions,
  Got,
  Listed,
  PutBody,
  Unchanged,
  Unknown,
} from './bucket.ts';
import { type Environment, Waits } from './environment.ts';

export const DEFAULT_DEADLINE = 60_000;

export class Engine {
  readonly bucket: Bucket;
  readonly environment: Environment;
  /** Milliseconds without an answer after which the engine counts as unreachable. */
  readonly deadline: number;

  constructor(bucket: Bucket, environment: Environment, deadline = DEFAULT_DEADLINE) {
    this.bucket = bucket;
    this.environment = environment;
    this.deadline = deadline;
  }

  /** @throws UnreachableError like all verbs */
  get(key: string, options: GetOptions = {}): Promise<Got | Unchanged | Absent> {
    return this.#patiently(`read ${key}`, () => this.bucket.get(key, options), options.signal);
  }

  /** Writes a write-once key: every attempt writes the same bytes, so a retry is safe. */
  async put(key: string, body: PutBody, signal?: AbortSignal): Promise<void> {
    await this.#patiently(
      `write ${key}`,
      async () => {
        const answer = await this.bucket.put(key, body, { signal });
        // A request without a condition cannot conflict.
        return answer.kind === 'conflict' ? { kind: 'unknown', reason: 'a conflict' } : answer;
      },
      signal,
    );
  }

  /** @throws OutcomeUnknownError when some may be removed, now or later */
  async remove(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    if (keys.length === 0) return;
    let mayHaveHappened = false;
    const ask = async () => {
      const answer = await this.bucket.remove(keys, { signal });
      if (answer.kind === 'unknown') mayHaveHappened = true;
      return answer;
    };
    try {
      await this.#patiently('remove keys', ask, signal);
    } catch (error) {
      if (!mayHaveHappened || signal?.aborted) throw error;
      throw this.outcomeUnknown((error as Error).message, error);
    }
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<readonly Listed[]> {
    let from: string | undefined;
    do {
      const start = from;
      const page = await this.#patiently(
        `list ${prefix || 'keys'}`,
        () => this.bucket.list(prefix, start, { signal }),
        signal,
      );
      yield page.entries;
      from = page.next;
    } while (from !== undefined);
  }

  head(key: string, signal?: AbortSignal): Promise<Described | Absent> {
    return this.#patiently(`look at ${key}`, () => this.bucket.head(key, { signal }), signal);
  }

  /** Deadline of an attempt that begins now. */
  end(): number {
    return this.environment.elapsed() + this.deadline;
  }

  isPast(end: number): boolean {
    return this.environment.elapsed() >= end;
  }

  unreachable(what: string, reason: string): UnreachableError {
    const { location } = this.bucket;
    return new UnreachableError(
      `Cannot ${what} in ${location}: ${reason}; check the network and the endpoint, then try again`,
    );
  }

  outcomeUnknown(reason: string, cause?: unknown): OutcomeUnknownError {
    return new OutcomeUnknownError(
      `Whether the change got into ${this.bucket.location} is not known (${reason}): look before you repeat it`,
      { cause },
    );
  }

  async #patiently<T>(
    what: string,
    ask: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<Exclude<T, Busy | Unknown>> {
    const end = this.end();
    const waits = new Waits(this.environment);
    for (;;) {
      signal?.throwIfAborted();
      const answer = await ask();
      const { kind } = answer as Busy | Unknown;
      if (kind !== 'busy' && kind !== 'unknown') return answer as Exclude<T, Busy | Unknown>;
      if (this.isPast(end)) throw this.unreachable(what, (answer as Busy | Unknown).reason);
      await waits.wait();
    }
  }
}

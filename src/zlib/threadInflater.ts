/**
 * Inflates on Node's thread pool, in parallel to this thread, with engines that are reused (engine.ts), or
 * with `zlib.inflate` when they do not behave as expected. `zlib.inflate` creates a stream for each call,
 * which takes as long as inflating 20 KB here.
 */
import { constants, createInflate, deflateSync, type Inflate, inflate } from 'node:zlib';
import { type Engine, type EngineState, engineOf } from './engine.ts';
import type { Inflated } from './inflater.ts';

/** A reusable engine. */
class ThreadStream {
  readonly #engine: Engine;
  readonly #state: EngineState;
  #done: (succeeded: boolean) => void = () => {};

  /** @throws Error when Node has no such engine */
  constructor() {
    const stream = createInflate({ chunkSize: constants.Z_MIN_CHUNK });
    const found = engineOf(stream);
    if (found === undefined) throw new Error('no such engine');
    const { engine, state } = found;
    // For a destroyed stream Node only calls `cb` with the result.
    Object.defineProperty(stream, 'destroyed', { value: true });
    engine.cb = () => this.#done(true);
    engine.onerror = () => this.#done(false);
    this.#engine = engine;
    this.#state = state;
  }

  /**
   * Fills `output` from the stream that begins at `at`.
   * @returns number of input bytes consumed; -1 when the stream is broken or too short, after which this
   *   object must not be reused
   */
  async fill(input: Uint8Array, at: number, end: number, output: Uint8Array): Promise<number> {
    const { length } = output;
    const succeeded = await new Promise<boolean>((resolve) => {
      this.#done = resolve;
      this.#engine.buffer = [input, output];
      this.#engine.write(constants.Z_FINISH, input, at, end - at, output, 0, length);
    });
    const [room, left] = this.#state;
    if (!succeeded || room !== 0) return -1;
    this.#engine.reset();
    return end - at - left!;
  }
}

const idle: ThreadStream[] = [];
/** Result of the test whether engines behave as expected. */
let trial: Promise<boolean> | undefined;
let works: boolean | undefined;

/**
 * Inflates `size` bytes of the stream in `input` from `at`, which ends at `end` or before. Does not detect a
 * longer stream. The input must not change meanwhile.
 * @returns undefined on failure
 */
export async function inflateOnThread(
  input: Uint8Array,
  at: number,
  end: number,
  size: number,
): Promise<Inflated | undefined> {
  if (works === undefined) {
    trial ??= tryOut();
    works = await trial;
  }
  if (!works) return inflateAfresh(input.subarray(at, end), size);
  const stream = idle.pop() ?? new ThreadStream();
  const bytes = Buffer.allocUnsafeSlow(size);
  const consumed = await stream.fill(input, at, end, bytes);
  if (consumed < 0) return undefined;
  idle.push(stream);
  return { bytes, consumed };
}

function inflateAfresh(input: Uint8Array, size: number): Promise<Inflated | undefined> {
  const options = {
    chunkSize: size + constants.Z_MIN_CHUNK,
    maxOutputLength: size + 1,
    info: true,
  };
  return new Promise((resolve) => {
    inflate(input, options, (error, result) => {
      if (error) return resolve(undefined);
      // With `info` Node returns the engine along with the data. It knows how much input it consumed.
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: Inflate };
      const { bytesWritten: consumed } = engine;
      resolve(buffer.length === size ? { bytes: buffer, consumed } : undefined);
    });
  });
}

/** Streams to inflate by the public call before an engine is given up. */
const PATIENCE = 32;

/** Tests whether an engine gives correct answers. */
async function tryOut(): Promise<boolean> {
  const sample = Buffer.from('gitstore gitstore gitstore');
  const packed = deflateSync(sample);
  const output = Buffer.alloc(sample.length);
  let answer: boolean | undefined;
  try {
    const stream = new ThreadStream();
    stream.fill(packed, 0, packed.length, output).then(
      (consumed) => {
        answer = consumed === packed.length && output.equals(sample);
      },
      () => {
        answer = false;
      },
    );
  } catch {
    return false;
  }
  for (let i = 0; i < PATIENCE && answer === undefined; i++) {
    await new Promise((resolve) => inflate(packed, resolve));
  }
  return answer === true;
}

/**
 * Inflating on zlib's threads, beside what this thread does. `zlib.inflate` makes a stream for each call,
 * which takes as long as inflating 20 KB here; so streams are kept, and their engines called as Node
 * itself calls them (zlib.js). Where those do not answer as expected, it is `zlib.inflate` after all.
 */
import { constants, createInflate, deflateSync, type Inflate, inflate } from 'node:zlib';
import { type Engine, engineOf, type Inflated } from './inflater.ts';

/** An engine and what it works on. */
class ThreadStream {
  readonly #engine: Engine;
  /** Room left in the output and in the input after a call. */
  readonly #state: Uint32Array;
  #done: (succeeded: boolean) => void = () => {};

  /** @throws Error where Node has no such engine */
  constructor() {
    const stream = createInflate({ chunkSize: constants.Z_MIN_CHUNK });
    const found = engineOf(stream);
    if (found === undefined) throw new Error('no such engine');
    const { engine, state } = found;
    // For a destroyed stream nothing is done with the result but to call `cb`.
    Object.defineProperty(stream, 'destroyed', { value: true });
    engine.cb = () => this.#done(true);
    engine.onerror = () => this.#done(false);
    this.#engine = engine;
    this.#state = state;
  }

  /**
   * Fills `output` from the stream that begins at `at`.
   * @returns how many bytes of the input that took; -1 when it is broken or holds less, and then this
   *   is not to be used again
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
/** Whether engines do what is expected of them, once that has been tried. */
let trial: Promise<boolean> | undefined;
let works: boolean | undefined;

/**
 * Inflates the stream that lies in `input` from `at` to `end` at the latest, and of which `size` bytes are
 * wanted; one that holds more does not show. The input must stay as it is.
 * @returns undefined when it cannot be inflated
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
      // With `info`, Node gives the engine, which knows how much input it took, beside the data.
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: Inflate };
      const { bytesWritten: consumed } = engine;
      resolve(buffer.length === size ? { bytes: buffer, consumed } : undefined);
    });
  });
}

/** Inflates this many small streams the public way before it gives an engine up. */
const PATIENCE = 32;

/** Whether an engine answers, and rightly. */
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

/**
 * Inflates many small zlib streams (RFC 1950) in sequence with one engine (engine.ts), or with `inflateSync`
 * when that does not behave as expected.
 */
import { constants, createInflate, type Inflate, inflateSync } from 'node:zlib';
import { type Engine, type EngineState, engineOf } from './engine.ts';

export interface Inflated {
  /** The inflated bytes. Valid until the next call, unless an output was given. */
  readonly bytes: Buffer;
  /** Number of input bytes consumed. */
  readonly consumed: number;
}

/** Why a stream cannot be inflated. */
export type InflateFailure =
  /** The stream continues after the end of the input. */
  | 'cut'
  /** The stream has another size than expected. */
  | 'size'
  /** It is not a zlib stream, or its checksum does not match. */
  | 'broken';

const SCRATCH = 64 << 10;
/** zlib is quicker while the output has room for its longest match and a little more. */
const ROOM = 320;

export class Inflater {
  readonly #engine: Engine | undefined;
  readonly #state: EngineState | undefined;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH);
  #errno = 0;

  constructor() {
    const { engine, state } = engineOf(createInflate()) ?? {};
    if (engine === undefined) return;
    engine.onerror = (_message, errno) => {
      this.#errno = errno;
    };
    this.#engine = engine;
    this.#state = state;
    if (!this.#works()) this.#engine = undefined;
  }

  /**
   * Inflates the stream that begins at `at` and ends at `end` or before.
   * @param size expected inflated size in bytes
   * @param output receives the result; at least `size + 1` bytes. Bytes after the result may be overwritten
   */
  inflate(
    input: Buffer,
    at: number,
    end: number,
    size: number,
    output = this.#output(size),
  ): Inflated | InflateFailure {
    return this.#engine === undefined
      ? this.#withNewEngine(input, at, end, size)
      : this.#withEngine(this.#engine, input, at, end, size, output);
  }

  /**
   * Fills `output` from the stream that begins at `at` and ends at `end` or before, and returns the number
   * of input bytes consumed; undefined when it is broken or too short. Does not detect a longer one.
   */
  fill(input: Buffer, at: number, end: number, output: Buffer): number | undefined {
    const engine = this.#engine;
    if (engine === undefined) {
      const result = this.#withNewEngine(input, at, end, output.length);
      if (typeof result === 'string') return undefined;
      output.set(result.bytes);
      return result.consumed;
    }
    this.#errno = 0;
    engine.writeSync(constants.Z_FINISH, input, at, end - at, output, 0, output.length);
    const state = this.#state!;
    engine.reset();
    return this.#errno === 0 && state[0] === 0 ? end - at - state[1]! : undefined;
  }

  /**
   * The first bytes of the stream at the start of `input`, which may be only its beginning.
   * @returns at most 64 KiB, valid until the next call
   * @throws Error when the available part is broken
   */
  begin(input: Buffer): Buffer {
    const engine = this.#engine;
    if (engine !== undefined) {
      this.#errno = 0;
      const { length } = this.#scratch;
      const flush = constants.Z_SYNC_FLUSH;
      engine.writeSync(flush, input, 0, input.length, this.#scratch, 0, length);
      engine.reset();
      if (this.#errno === 0) return this.#scratch.subarray(0, length - this.#state![0]!);
    }
    // Also used for a descriptive error.
    return inflateSync(input, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 << 20 });
  }

  /** One byte more than expected, to detect a longer stream. */
  #output(size: number): Buffer {
    return size < SCRATCH ? this.#scratch : Buffer.allocUnsafe(size + 1);
  }

  #withEngine(
    engine: Engine,
    input: Buffer,
    at: number,
    end: number,
    size: number,
    output: Buffer,
  ): Inflated | InflateFailure {
    this.#errno = 0;
    const room = Math.min(output.length, size + ROOM);
    engine.writeSync(constants.Z_FINISH, input, at, end - at, output, 0, room);
    const errno = this.#errno;
    const state = this.#state!;
    const consumed = end - at - state[1]!;
    engine.reset();
    // After an error the state is from an earlier call.
    if (errno === constants.Z_BUF_ERROR) return 'cut';
    if (errno !== 0) return 'broken';
    if (state[0] !== room - size) return 'size';
    return { bytes: output.subarray(0, size), consumed };
  }

  #withNewEngine(input: Buffer, at: number, end: number, size: number): Inflated | InflateFailure {
    const options = { info: true, chunkSize: Math.max(64, size + 1), maxOutputLength: size + 1 };
    try {
      // With `info` Node returns the engine along with the data. It knows how much input it consumed.
      const result = inflateSync(input.subarray(at, end), options) as unknown as {
        buffer: Buffer;
        engine: Inflate;
      };
      if (result.buffer.length !== size) return 'size';
      return { bytes: result.buffer, consumed: result.engine.bytesWritten };
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException;
      if (code === 'ERR_BUFFER_TOO_LARGE') return 'size';
      return errno === constants.Z_BUF_ERROR ? 'cut' : 'broken';
    }
  }

  /** Tests that the engine behaves as expected for all outcomes of a call. */
  #works(): boolean {
    const stream = PROBE_DEFLATED;
    const input = Buffer.concat([stream, PROBE]);
    const broken = Buffer.from(stream);
    broken[broken.length - 1]! ^= 1;
    try {
      const whole = this.inflate(input, 0, input.length, PROBE.length);
      return (
        typeof whole === 'object' &&
        whole.bytes.equals(PROBE) &&
        whole.consumed === stream.length &&
        this.inflate(input, 0, stream.length - 1, PROBE.length) === 'cut' &&
        this.inflate(input, 0, stream.length, PROBE.length - 1) === 'size' &&
        this.inflate(input, 0, stream.length, PROBE.length + 1) === 'size' &&
        this.inflate(broken, 0, broken.length, PROBE.length) === 'broken' &&
        this.begin(stream.subarray(0, 20)).equals(PROBE.subarray(0, PROBE_BEGUN)) &&
        this.begin(input).equals(PROBE)
      );
    } catch {
      return false;
    }
  }
}

const PROBE = Buffer.from('Inflates to these bytes, these bytes, and no others.');
/** Number of bytes inflated from the first 20 bytes of the stream. */
const PROBE_BEGUN = 17;
const PROBE_DEFLATED = Buffer.from(
  '789cf3cc4bcb492c492d5628c95728c9482d4e5548aa2c492dd641e524e6a528e4e52be49764a41615eb0100f7e412c5',
  'hex',
);

/**
 * Inflating many small streams through one zlib handle. `inflateSync` makes a stream object and a
 * handle each time, which for a commit or a tree costs more than the inflating. Node has no public
 * call that keeps the handle, so this uses the one below its `Inflate` streams, after trying whether
 * it works as it does in Node 20 to 26; where it does not, or a stream is broken, the caller turns
 * to `inflateSync`, which is right everywhere and says what is wrong.
 */
import { constants, createInflate, deflateSync } from 'node:zlib';

/** What Node keeps below an `Inflate` stream. */
interface Handle {
  reset(): void;
  /** Writes to `out` and reports in the state how much of `out` and `input` is left. */
  writeSync(
    flush: number,
    input: Uint8Array,
    inputStart: number,
    inputLength: number,
    out: Uint8Array,
    outStart: number,
    outLength: number,
  ): void;
}

interface Kept {
  readonly handle: Handle;
  /** Bytes left of the output, and of the input. */
  readonly state: Uint32Array;
  failed: boolean;
}

/** Null: it does not work here. */
let kept: Kept | null | undefined;

/**
 * Inflates the stream at the start of `input`; bytes after its end are ignored.
 * @returns undefined when that cannot be done here, or the stream does not hold exactly `size` bytes
 */
export function inflateWithKeptHandle(input: Uint8Array, size: number): Buffer | undefined {
  if (kept === undefined) kept = prepare();
  return kept === null ? undefined : inflate(kept, input, size);
}

function inflate(from: Kept, input: Uint8Array, size: number): Buffer | undefined {
  // One byte more than expected: a stream that holds more than it should shows.
  const out = Buffer.allocUnsafe(size + 1);
  try {
    from.handle.reset();
    from.handle.writeSync(constants.Z_FINISH, input, 0, input.length, out, 0, size + 1);
  } catch {
    from.failed = true;
  }
  if (from.failed) {
    // The stream object around it is destroyed by now: the next one begins anew.
    kept = undefined;
    return undefined;
  }
  return from.state[0] === 1 ? out.subarray(0, size) : undefined;
}

function prepare(): Kept | null {
  const stream = createInflate() as unknown as { _handle?: Handle; _writeState?: Uint32Array };
  const { _handle: handle, _writeState: state } = stream;
  const works =
    typeof handle?.reset === 'function' &&
    typeof handle.writeSync === 'function' &&
    state instanceof Uint32Array;
  if (!works) return null;
  const made: Kept = { handle, state, failed: false };
  (stream as unknown as NodeJS.EventEmitter).on('error', () => {});
  const onError = (handle as unknown as { onerror?: unknown }).onerror;
  if (typeof onError !== 'function') return null;
  (handle as unknown as { onerror: unknown }).onerror = function (
    this: unknown,
    ...args: unknown[]
  ) {
    made.failed = true;
    return Reflect.apply(onError, this, args);
  };
  for (const sample of [Buffer.from('gitstore gitstore'), Buffer.alloc(0)]) {
    const deflated = Buffer.concat([deflateSync(sample), Buffer.from('rest')]);
    if (!inflate(made, deflated, sample.length)?.equals(sample)) return null;
  }
  return made;
}

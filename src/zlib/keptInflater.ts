/** Inflates on worker threads, by a self-contained function (workerPool.ts). */
import type Zlib from 'node:zlib';

/**
 * Inflates the zlib stream at `from` in `input` into `out` at `at`.
 * @param size expected inflated size in bytes
 * @param room number of bytes of `out` that may be overwritten: more than `size`, to detect a longer
 *   stream
 * @returns number of input bytes consumed; -1 on failure
 */
export type InflateAt = (
  input: Uint8Array,
  from: number,
  out: Uint8Array,
  at: number,
  size: number,
  room?: number,
) => number;

/**
 * One zlib handle for all streams: creating one for each takes as long as inflating a small file. Node has
 * no public call that reuses it. So this uses the internal one of its streams after a test.
 */
export function keptInflater(zlib: typeof Zlib): InflateAt {
  const { constants, createInflate, deflateSync, inflateSync } = zlib;
  interface Handle {
    onerror?: unknown;
    reset?(): void;
    writeSync?(...args: unknown[]): void;
  }

  const afresh: InflateAt = (input, from, out, at, size) => {
    const options = { info: true, maxOutputLength: size + 1, finishFlush: constants.Z_SYNC_FLUSH };
    try {
      const { buffer, engine } = inflateSync(input.subarray(from), options) as unknown as {
        buffer: Buffer;
        engine: Zlib.Inflate;
      };
      if (buffer.length !== size) return -1;
      out.set(buffer, at);
      return engine.bytesWritten;
    } catch {
      return -1;
    }
  };

  const stream = createInflate() as unknown as { _handle?: Handle; _writeState?: Uint32Array };
  const { _handle: handle, _writeState: state } = stream;
  if (typeof handle?.reset !== 'function' || typeof handle.writeSync !== 'function') return afresh;
  if (!(state instanceof Uint32Array)) return afresh;
  let failed = false;
  handle.onerror = () => {
    failed = true;
  };
  const kept: InflateAt = (input, from, out, at, size, room = size + 1) => {
    failed = false;
    const length = input.length - from;
    handle.writeSync!(constants.Z_FINISH, input, from, length, out, at, room);
    handle.reset!();
    return !failed && state[0] === room - size ? length - state[1]! : -1;
  };
  const sample = Buffer.from('gitstore gitstore gitstore');
  const packed = deflateSync(sample);
  const input = Buffer.concat([packed, sample]);
  const out = Buffer.alloc(100);
  const { length } = sample;
  try {
    const works =
      kept(input, 0, out, 3, length) === packed.length &&
      out.subarray(3, 3 + length).equals(sample) &&
      kept(input, 0, out, 3, length, length + 40) === packed.length &&
      kept(input, 0, out, 3, length - 1) === -1 &&
      kept(input, 0, out, 3, length + 1) === -1 &&
      kept(sample, 0, out, 3, 5) === -1;
    return works ? kept : afresh;
  } catch {
    return afresh;
  }
}

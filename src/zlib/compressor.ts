/** Makes zlib streams of whole bodies: deflated, or stored when that is no larger. */
import type * as Zlib from 'node:zlib';
import { isDense as isDenseBy } from './dense.ts';
import { engineOf } from './engine.ts';
import { QUICK_LEVEL, type QuickDeflate } from './quickDeflate.ts';

export interface Compressor {
  /** Upper bound for the stream of a body of this size. */
  bound(length: number): number;
  /** Whether data is compressed already. */
  isDense(body: Uint8Array, level: number): boolean;
  /** The zlib stream of a body in stored blocks. */
  store(body: Uint8Array): Uint8Array;
  /** Writes the zlib stream of a body into `out` at `at`, and returns its length. Level 0 to 9. */
  compress(body: Uint8Array, level: number, out: Uint8Array, at: number): number;
}

/** @param quick replaces zlib at `QUICK_LEVEL`, if available */
export function createCompressor(quick: QuickDeflate | null): Compressor {
  const { constants, createDeflate, deflateSync, inflateSync } = zlib();

  /** Deflates into `out` and returns the length; -1 on failure. */
  type DeflateInto = (body: Uint8Array, out: Uint8Array, at: number) => number;
  const impossible: DeflateInto = () => -1;
  let kept: { level: number; deflate: DeflateInto } | undefined;

  /** Deflates all bodies with one engine (engine.ts), after a test. */
  function keepEngine(level: number): DeflateInto {
    const { engine, state } = engineOf(createDeflate({ level })) ?? {};
    if (engine === undefined || state === undefined) return impossible;
    let failed = false;
    engine.onerror = () => {
      failed = true;
    };
    const deflate: DeflateInto = (body, out, at) => {
      if (failed) return -1;
      const room = out.length - at;
      try {
        engine.reset();
        engine.writeSync(constants.Z_FINISH, body, 0, body.length, out, at, room);
      } catch {
        failed = true;
      }
      // A full output buffer may have been too small.
      return failed || state[0] === 0 ? -1 : room - state[0]!;
    };
    for (const sample of ['gitstore gitstore gitstore', '', 'other bytes']) {
      const out = Buffer.alloc(200);
      const length = deflate(Buffer.from(sample), out, 7);
      if (length <= 0) return impossible;
      const stream = out.subarray(7, 7 + length);
      if (inflateSync(stream).toString() !== sample) return impossible;
    }
    return deflate;
  }

  function deflateInto(body: Uint8Array, level: number, out: Uint8Array, at: number): number {
    if (quick !== null && level === QUICK_LEVEL) return quick.whole(body, out, at);
    try {
      if (kept?.level !== level) kept = { level, deflate: keepEngine(level) };
    } catch {
      kept = { level, deflate: impossible };
    }
    return kept.deflate(body, out, at);
  }

  /** Larger than any deflated sample. */
  const sampled = Buffer.alloc(8192);

  function isDense(body: Uint8Array, level: number): boolean {
    return isDenseBy(body, (sample) => {
      const length = deflateInto(sample, level, sampled, 0);
      return length < 0 ? deflateSync(sample, { level }).length : length;
    });
  }

  function bound(length: number): number {
    return length + 5 * Math.ceil(length / 16383) + 64;
  }

  /** Makes stored blocks of full length. zlib does so only if the output buffer holds everything. */
  function store(body: Uint8Array): Uint8Array {
    return deflateSync(body, { level: 0, chunkSize: bound(body.length) });
  }

  function compress(body: Uint8Array, level: number, out: Uint8Array, at: number): number {
    let stream: Uint8Array | undefined;
    if (level > 0 && !isDense(body, level)) {
      const length = deflateInto(body, level, out, at);
      if (length > 0 && length < body.length) return length;
      if (length < 0) stream = deflateSync(body, { level });
    }
    if (stream === undefined || stream.length >= body.length) stream = store(body);
    out.set(stream, at);
    return stream.length;
  }

  return { bound, isDense, store, compress };
}

/** Loaded on first use: most reads do not deflate. */
export function zlib(): typeof Zlib {
  return process.getBuiltinModule('node:zlib');
}

/**
 * Deflates at the quickest level, which most stores use. zlib is designed for one long stream: starting
 * another one takes 20 µs, as long as some kilobytes, and its match search is more thorough than that
 * level needs. deflate.wat takes half the time for a tree of source files, and 1 % more bytes.
 */
import { compileModule, type WebAssemblyInterface } from './webAssembly.ts';

/** Set when the sources are bundled: deflate.wat assembled, in Base64. */
declare const GITSTORE_DEFLATE: string;

/** The zlib level at which it replaces zlib. */
export const QUICK_LEVEL = 1;

export interface QuickDeflate {
  /**
   * Writes the zlib stream of a body into `out` at `at`, if it is shorter than the body.
   * @returns its length; at least the body's length when it is not shorter
   */
  whole(body: Uint8Array, out: Uint8Array, at: number): number;
  /**
   * The next part of a zlib stream after more input, possibly none, in pieces that are valid until the next
   * one is requested. Nothing else may be deflated until the stream ends.
   */
  more(bytes: Uint8Array, isFirst: boolean, isLast: boolean): Iterable<Uint8Array>;
}

let compiled: object | null | undefined;

/** deflate.wat for `startQuickDeflate`, on any thread; null when it cannot run. */
export function quickDeflateModule(): object | null {
  compiled ??= compileModule(GITSTORE_DEFLATE) ?? null;
  return compiled;
}

/** An instance for this thread, which deflates one body at a time. Null when it cannot run. */
export function newQuickDeflate(): QuickDeflate | null {
  const module = quickDeflateModule();
  return module && startQuickDeflate(module);
}

/**
 * Creates an instance on one thread.
 * @returns null without address space for its memory
 */
export function startQuickDeflate(module: object): QuickDeflate | null {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyInterface };
  let exports: Readonly<Record<string, unknown>>;
  try {
    ({ exports } = new WebAssembly.Instance(module));
  } catch {
    return null;
  }
  const memory = new Uint8Array((exports.memory as { readonly buffer: ArrayBuffer }).buffer);
  const { value: input } = exports.INPUT as { readonly value: number };
  const { value: room } = exports.INPUT_ROOM as { readonly value: number };
  const { value: output } = exports.OUTPUT as { readonly value: number };
  const deflate = exports.deflate as (length: number, isFirst: boolean, isLast: boolean) => number;
  function* more(bytes: Uint8Array, isFirst: boolean, isLast: boolean): Generator<Uint8Array> {
    let from = 0;
    do {
      const part = bytes.subarray(from, from + room);
      memory.set(part, input);
      const isBegin = isFirst && from === 0;
      from += part.length;
      const length = deflate(part.length, isBegin, isLast && from === bytes.length);
      yield memory.subarray(output, output + length);
    } while (from < bytes.length);
  }
  function whole(body: Uint8Array, out: Uint8Array, at: number): number {
    let length = 0;
    for (const piece of more(body, true, true)) {
      if (length + piece.length >= body.length) return body.length;
      out.set(piece, at + length);
      length += piece.length;
    }
    return length;
  }
  return { whole, more };
}

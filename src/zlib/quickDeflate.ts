/**
 * Deflating for the quickest level, which is what most stores use. zlib is made for one long stream: to
 * begin another one takes it 20 µs, as long as some kilobytes, and it looks for matches with more care
 * than that level needs. deflate.wat takes half of its time for a tree of source files, and 1 % more
 * bytes.
 */
import { compileModule, type WebAssemblyInterface } from './webAssembly.ts';

/** Set when the sources are bundled: deflate.wat assembled, in Base64. */
declare const GITSTORE_DEFLATE: string;

/** The level, of zlib's 0 to 9, at which it stands in for zlib. */
export const QUICK_LEVEL = 1;

export interface QuickDeflate {
  /**
   * Writes the zlib stream of a body into `out` at `at`, if it is shorter than the body.
   * @returns its length; that of the body, or more, where it is no shorter
   */
  whole(body: Uint8Array, out: Uint8Array, at: number): number;
  /**
   * What more bytes, or none, add to a zlib stream, in pieces, each good until the next is asked for.
   * Nothing else may be deflated until the stream has ended.
   */
  more(bytes: Uint8Array, isFirst: boolean, isLast: boolean): Iterable<Uint8Array>;
}

let compiled: object | null | undefined;

/** deflate.wat for `startQuickDeflate`, on any thread; null where it cannot run. */
export function quickDeflateModule(): object | null {
  compiled ??= compileModule(GITSTORE_DEFLATE) ?? null;
  return compiled;
}

/** One for this thread, which deflates one thing at a time. Null where it cannot run. */
export function newQuickDeflate(): QuickDeflate | null {
  const module = quickDeflateModule();
  return module && startQuickDeflate(module);
}

/**
 * Gets it ready on one thread. Worker threads run it from its source text: it uses nothing from
 * outside itself.
 * @returns null where there is no address space for its memory
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

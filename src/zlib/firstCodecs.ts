/**
 * Inflates and hashes (SHA-1) the first objects of a process without Node's zlib and crypto, which take
 * 5 ms to load: twice as long as everything else that a command does to show a small file. These
 * WebAssembly codecs (codecs.wat) are ready in half a millisecond, but slower per byte. So a process that
 * opts in uses them for a limited number of bytes, and Node's own for the rest and for all malformed data.
 */
import { asBuffer } from '../bytes.ts';
import type { Inflated } from './inflater.ts';
import { moduleExports, type WasmGlobal, type WasmMemory } from './webAssembly.ts';

/** Set when the sources are bundled: codecs.wat assembled, in Base64. */
declare const GITSTORE_CODECS: string;

interface Codecs {
  readonly memory: Buffer;
  readonly inputRoom: number;
  readonly input: number;
  readonly outputRoom: number;
  readonly output: number;
  readonly digest: number;
  /** See codecs.wat. */
  inflate(length: number, room: number): number;
  inflated(): number;
  sha1(length: number): void;
}

/** Bytes after which Node's own codecs would have been quicker, including their load time. */
const BUDGET = 128 << 10;

let left = 0;
let codecs: Codecs | undefined;

/** Opts in. For a process that probably reads only a few objects. */
export function useFirstCodecs(): void {
  left = BUDGET;
}

/**
 * Inflates the zlib stream in `input` from `at`, which ends at `end` or before.
 * @param size expected inflated size in bytes
 * @returns undefined when this codec is not in use, or the stream is broken
 */
export function firstInflate(
  input: Buffer,
  at: number,
  end: number,
  size: number,
): Inflated | undefined {
  const ready = left > 0 ? take(size) : undefined;
  if (ready === undefined || end - at > ready.inputRoom || size > ready.outputRoom)
    return undefined;
  input.copy(ready.memory, ready.input, at, end);
  const consumed = ready.inflate(end - at, size);
  if (consumed < 0 || ready.inflated() !== size) return undefined;
  return { bytes: ready.memory.subarray(ready.output, ready.output + size), consumed };
}

/**
 * The first bytes of the stream at the start of `input`, which may be only its beginning.
 * @returns undefined when this codec is not in use, or there is no output; valid until the next call
 */
export function firstInflateStart(input: Buffer): Buffer | undefined {
  const ready = left > 0 ? take(input.length) : undefined;
  if (ready === undefined || input.length > ready.inputRoom) return undefined;
  input.copy(ready.memory, ready.input);
  ready.inflate(input.length, ready.outputRoom);
  const length = ready.inflated();
  return length > 0 ? ready.memory.subarray(ready.output, ready.output + length) : undefined;
}

/**
 * The SHA-1 of a header and a body, as 40 hex digits.
 * @returns undefined when this codec is not in use
 */
export function firstSha1(header: string, body: Uint8Array): string | undefined {
  const length = header.length + body.length;
  const ready = left > 0 ? take(length) : undefined;
  if (ready === undefined || length > ready.inputRoom) return undefined;
  ready.memory.write(header, ready.input, 'latin1');
  asBuffer(body).copy(ready.memory, ready.input + header.length);
  ready.sha1(length);
  return ready.memory.toString('hex', ready.digest, ready.digest + 20);
}

/** Consumes the budget. Once it is exceeded, Node's codecs are loaded, and these save nothing more. */
function take(bytes: number): Codecs | undefined {
  left = bytes > left ? 0 : left - bytes;
  if (left === 0) return undefined;
  codecs ??= open();
  if (codecs === undefined) left = 0;
  return codecs;
}

/** @returns undefined without WebAssembly, or without address space for its memory */
function open(): Codecs | undefined {
  try {
    const exports = moduleExports(GITSTORE_CODECS);
    const at = (name: string) => (exports[name] as WasmGlobal).value;
    return {
      memory: Buffer.from((exports.memory as WasmMemory).buffer),
      input: at('INPUT'),
      inputRoom: at('INPUT_ROOM'),
      output: at('OUTPUT'),
      outputRoom: at('OUTPUT_ROOM'),
      digest: at('DIGEST'),
      inflate: exports.inflate as Codecs['inflate'],
      inflated: exports.inflated as Codecs['inflated'],
      sha1: exports.sha1 as Codecs['sha1'],
    };
  } catch {
    return undefined;
  }
}

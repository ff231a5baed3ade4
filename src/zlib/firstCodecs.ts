/**
 * Inflating and SHA-1 for the first objects of a process, without Node's zlib and crypto: those take
 * 5 ms to load, twice as long as all else that a command does to show a small file. Here both are
 * WebAssembly (codecs.wat), ready in half a millisecond, but slower for each byte. So they serve a
 * process that wants them until a number of bytes have gone through, and Node's own do the rest. Those
 * also have the last word on whatever is not plainly right.
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

/** Bytes inflated and hashed after which Node's own would have been quicker, with what they take to load. */
const BUDGET = 128 << 10;

let left = 0;
let codecs: Codecs | undefined;

/** For a process that is likely to read but a few objects. */
export function useFirstCodecs(): void {
  left = BUDGET;
}

/**
 * Inflates the zlib stream that lies in `input` from `at` to `end` at the latest.
 * @param size how many bytes it must hold
 * @returns undefined when that is not for here, or there is anything wrong with it
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
 * @returns undefined when that is not for here, or nothing comes out; valid until the next call
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
 * @returns undefined when that is not for here
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

/** Once something is not for here, Node's own are loaded, and there is nothing to be saved any more. */
function take(bytes: number): Codecs | undefined {
  left = bytes > left ? 0 : left - bytes;
  if (left === 0) return undefined;
  codecs ??= open();
  if (codecs === undefined) left = 0;
  return codecs;
}

/** @returns undefined where there is no WebAssembly, or no address space for its memory */
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

/**
 * Node's own zlib engine, which its streams use. Creating a stream for each object costs more than inflating
 * or deflating it, and no public call reuses one. So one engine serves many objects, through the internal
 * interface that `zlib.js` has used since Node 11. Each user tests first that an engine behaves as expected,
 * and falls back to public calls.
 */
import type { Deflate, Inflate } from 'node:zlib';

type WriteArguments = [
  flush: number,
  input: Uint8Array,
  inputAt: number,
  inputLength: number,
  output: Uint8Array,
  outputAt: number,
  outputLength: number,
];

export interface Engine {
  writeSync(...args: WriteArguments): void;
  /** Writes on another thread, and calls `cb` after that, or `onerror`. */
  write(...args: WriteArguments): void;
  reset(): void;
  onerror: (message: string, errno: number, code: string) => void;
  cb: () => void;
  /** Referenced while another thread works. */
  buffer: unknown;
}

/** Room left in the output and in the input after a call. */
export type EngineState = Uint32Array;

/** The engine of a stream; undefined where it has none of the expected kind. */
export function engineOf(
  stream: Inflate | Deflate,
): { engine: Engine; state: EngineState } | undefined {
  const { _handle: engine, _writeState: state } = stream as typeof stream & {
    _handle?: Engine;
    _writeState?: EngineState;
  };
  for (const call of ['writeSync', 'write', 'reset'] as const) {
    if (typeof engine?.[call] !== 'function') return undefined;
  }
  return state instanceof Uint32Array && state.length === 2
    ? { engine: engine!, state }
    : undefined;
}

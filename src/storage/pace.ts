/**
 * Splits long computations into slices: every few milliseconds the event loop runs and aborts are
 * noticed.
 */
import { monotonicTime } from '../clock.ts';

const SLICE = 8;
/** Steps between two reads of the clock, which cost as much as a small step each. */
const STEPS = 16;

export class Pace {
  readonly #signal: AbortSignal | undefined;
  readonly #stepsALook: number;
  #steps = 0;
  #since = monotonicTime();

  /** @param stepsALook steps between two reads of the clock: 1 where a step may take long */
  constructor(signal?: AbortSignal, stepsALook = STEPS) {
    this.#signal = signal;
    this.#stepsALook = stepsALook;
    signal?.throwIfAborted();
  }

  /** Call after every small step. True when it is time to `pause()`. */
  due(): boolean {
    if (++this.#steps < this.#stepsALook) return false;
    this.#steps = 0;
    return monotonicTime() - this.#since > SLICE;
  }

  /** Lets the event loop run. @throws the signal's reason when it was aborted */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#since = monotonicTime();
  }
}

/**
 * Splits long computations into slices: every few milliseconds the event loop runs and aborts are
 * noticed.
 */
import { monotonicTime } from '../clock.ts';

const SLICE = 8;
/** Steps between two reads of the clock, which cost as much as a small step each. */
const STEPS_A_LOOK = 16;

export class Pace {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #since = monotonicTime();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.throwIfAborted();
  }

  /** Call after every small step. True when it is time to `pause()`. */
  due(): boolean {
    if (++this.#steps < STEPS_A_LOOK) return false;
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

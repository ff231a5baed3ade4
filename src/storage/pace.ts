/**
 * Long computations in slices: other work of the process gets its turn every few milliseconds, and an
 * abort is noticed.
 */
import { monotonicTime } from '../clock.ts';

const SLICE = 8;
/** Looking at the clock costs as much as a small step of the work. */
const STEPS_A_LOOK = 16;

export class Pace {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #since = monotonicTime();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.throwIfAborted();
  }

  /** To be asked after every small step; true when it is time to `pause()`. */
  due(): boolean {
    if (++this.#steps < STEPS_A_LOOK) return false;
    this.#steps = 0;
    return monotonicTime() - this.#since > SLICE;
  }

  /** Lets others work. @throws the signal's reason when it was aborted */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#since = monotonicTime();
  }
}

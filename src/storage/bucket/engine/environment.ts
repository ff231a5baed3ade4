/** Clocks, randomness and waiting for the protocol, in one place that tests can replace. */
import { randomBytes } from 'node:crypto';
import { monotonicTime } from '../../../clock.ts';

export interface Environment {
  /** Milliseconds since the epoch. Safety never depends on it. */
  now(): number;
  /** Milliseconds of a monotonic clock. */
  elapsed(): number;
  /** 0 or more and less than 1. */
  random(): number;
  /** A unique name of 24 letters and digits. */
  name(): string;
  sleep(milliseconds: number): Promise<void>;
  /** Calls again and again, and keeps no process from ending. @returns how to stop it */
  every(milliseconds: number, act: () => void): () => void;
}

export const realEnvironment: Environment = {
  now: () => Date.now(),
  elapsed: monotonicTime,
  random: () => Math.random(),
  name: () => randomBytes(12).toString('hex'),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  every: (milliseconds, act) => {
    const timer = setInterval(act, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

/** Growing waits between attempts. Random lengths keep colliding writers from colliding again. */
export class Waits {
  readonly #environment: Environment;
  #next: number;
  readonly #longest: number;

  /** @param first milliseconds of the first wait at most */
  constructor(environment: Environment, first = 20, longest = 4000) {
    this.#environment = environment;
    this.#next = first;
    this.#longest = longest;
  }

  wait(): Promise<void> {
    const most = this.#next;
    this.#next = Math.min(this.#longest, most * 2);
    return this.#environment.sleep(most * (0.25 + 0.75 * this.#environment.random()));
  }
}

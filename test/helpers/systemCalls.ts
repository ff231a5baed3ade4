/** Functions of `node:fs` replaced for the whole process: the sources look each of them up at each call. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, beforeAll } from 'vitest';

export type SystemCall = (...args: unknown[]) => unknown;

/** From the first test of a file to its last. @param replace gives what is called instead */
export function replaceCalls(
  names: readonly string[],
  replace: (call: SystemCall, name: string) => SystemCall,
): void {
  const calls = fs as unknown as Record<string, SystemCall>;
  const before = new Map<string, SystemCall>();

  beforeAll(() => {
    for (const name of names) {
      const call = calls[name]!;
      before.set(name, call);
      // Some have functions of their own, as `realpathSync.native`.
      calls[name] = Object.assign(replace(call, name), call);
    }
    syncBuiltinESMExports();
  });

  afterAll(() => {
    for (const [name, call] of before) calls[name] = call;
    syncBuiltinESMExports();
  });
}

/** Lets something happen before one of the calls that a piece of work makes, as another process might do it. */
export class Moment {
  /** Calls that are meant, until it happens; 0: it has happened, or never does. */
  #countdown = 0;
  #place: string | undefined;
  #act = (): void => {};

  /**
   * @param names functions of `node:fs`
   * @param isMeant whether a call counts, by its first argument and the place that was given
   */
  constructor(
    names: readonly string[],
    isMeant: (first: unknown, place: string) => boolean = isBelow,
  ) {
    replaceCalls(names, (call) => (first, ...rest) => {
      const counts = this.#place !== undefined && this.#countdown > 0;
      if (counts && isMeant(first, this.#place!) && --this.#countdown === 0) {
        this.#place = undefined;
        this.#act();
      }
      return call(first, ...rest);
    });
  }

  /** Whether it was to happen at none of the calls, or has happened. */
  get isOver(): boolean {
    return this.#countdown === 0;
  }

  /** @param at number of the call, from 1 on; 0: never */
  set(at: number, place: string, act: () => void): void {
    this.#countdown = at;
    this.#place = place;
    this.#act = act;
  }

  /** From here on it does not happen any more. */
  end(): void {
    this.#place = undefined;
  }
}

/** A path at or below the place. */
export function isBelow(first: unknown, place: string): boolean {
  return typeof first === 'string' && first.startsWith(place);
}

/** The same, or an open file: which one is not known. */
export function isBelowOrOpen(first: unknown, place: string): boolean {
  return typeof first === 'number' || String(first).startsWith(place);
}

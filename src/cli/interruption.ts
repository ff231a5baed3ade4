/** An end by Ctrl-C that tidies up first, and tells what has become of the work. */
import { endingSignals } from '../platform.ts';
import { printNote } from './output/output.ts';

/** What ends a command from outside. */
export const SIGNALS = endingSignals();

/**
 * What is told of work that a signal has ended.
 * @param result of work that was done nevertheless; undefined for work that was not
 */
export type Fate<T> = (result: T | undefined) => string;

/**
 * Runs long work. A signal ends the work first, and then the process, which tells on stderr what has
 * become of the work. A second signal ends the process at once.
 */
export async function withSignals<T>(
  work: (signal: AbortSignal) => Promise<T>,
  fate?: Fate<T>,
): Promise<T> {
  const abort = new AbortController();
  let received: NodeJS.Signals | undefined;
  let told: string | undefined;
  const leave = (): void => {
    for (const signal of SIGNALS) process.off(signal, stop);
  };
  const stop = (signal: NodeJS.Signals): void => {
    if (received !== undefined) {
      leave();
      process.kill(process.pid, signal);
    }
    received = signal;
    abort.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    const result = await work(abort.signal);
    told = fate?.(result);
    return result;
  } catch (error) {
    if (error === abort.signal.reason) told = fate?.(undefined);
    throw error;
  } finally {
    leave();
    if (received !== undefined) {
      printNote(told === undefined ? 'Interrupted' : `Interrupted: ${told}`);
      process.kill(process.pid, received);
    }
  }
}

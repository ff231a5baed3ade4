/**
 * The line on the terminal that tells how far long work has come, and the one that tells at the end what
 * it was. The first appears when stderr is a terminal and the work has lasted half a second; the library
 * that draws it is loaded only then.
 */

import type { Spinner } from 'yocto-spinner';
import { monotonicTime } from '../../clock.ts';
import type { CopyProgress } from '../../transfer/rules/options.ts';
import { SIGNALS } from '../interruption.ts';
import { isTerminal, printNote } from './output.ts';
import { countText, rateText, sizeText, timeText } from './quantities.ts';

const STDERR = 2;

/** What stands before the text, and the column that a terminal may keep free at the end. */
const SPINNER_WIDTH = 3;

/** When the line appears, in milliseconds after the start. */
const DELAY = 500;

/** How often the text changes at the most, in milliseconds: to draw costs more than to copy a file. */
const INTERVAL = 80;

/** Work that took longer tells at the end what it was. In seconds. */
const LONG = 2;

/** Seconds of a phase after which the remaining time is estimated. */
const FIRST_GUESS = 1;

/** A file takes as long as this many bytes of a large one, or so. */
const FILE_COST = 32 * 1024;

const BAR_WIDTH = 10;

/** How far the work has come. */
export interface ProgressState {
  readonly files?: number | undefined;
  readonly totalFiles?: number | undefined;
  /** What is counted, when it is no files. */
  readonly unit?: string | undefined;
  readonly bytes?: number | undefined;
  readonly totalBytes?: number | undefined;
}

export class Progress {
  readonly #started = monotonicTime();
  readonly #timer: NodeJS.Timeout | undefined;
  #label: string;
  /** When the present phase began; what came before tells nothing of the time that is left. */
  #phaseStarted = this.#started;
  #state: ProgressState = {};
  #spinner: Spinner | undefined;
  #drawn = 0;
  #stopped = false;

  /**
   * @param label what is being done, as `Copying`
   * @param draws whether there may be a line: not where a user types on the same terminal
   */
  constructor(label: string, draws = true) {
    this.#label = label;
    if (draws && drawsOnTerminal()) {
      this.#timer = setTimeout(() => void this.#show(), DELAY);
      this.#timer.unref();
    }
  }

  /** @param label another one begins another phase */
  update(state: ProgressState, label = this.#label): void {
    this.#state = state;
    if (label !== this.#label) {
      this.#label = label;
      this.#phaseStarted = monotonicTime();
    }
    if (this.#spinner === undefined) return;
    const now = monotonicTime();
    if (now - this.#drawn < INTERVAL) return;
    this.#drawn = now;
    this.#spinner.text = this.text(columns());
  }

  /** Takes the line away. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#spinner === undefined) return;
    for (const signal of SIGNALS) process.off(signal, this.#interrupted);
    this.#spinner.stop();
    this.#spinner = undefined;
  }

  /**
   * Takes the line away, and tells on a terminal what took long.
   * @param result what became of it, as `→ abc1234`
   */
  done(result = ''): void {
    this.stop();
    const seconds = (monotonicTime() - this.#started) / 1000;
    if (seconds < LONG || !drawsOnTerminal()) return;
    const { files, unit = 'files', bytes } = this.#state;
    const amounts: string[] = [];
    if (files !== undefined) amounts.push(countText(files, unit));
    if (bytes !== undefined) amounts.push(sizeText(bytes));
    const what = amounts.length === 0 ? 'Done' : amounts.join(', ');
    printNote(`${what} in ${timeText(seconds)}${result && ` ${result}`}`);
  }

  async #show(): Promise<void> {
    const { default: createSpinner } = await import('yocto-spinner');
    if (this.#stopped) return;
    // Left to itself it would end the process, before the work has tidied up.
    this.#spinner = createSpinner({ text: this.text(columns()), handleSignals: false });
    for (const signal of SIGNALS) process.on(signal, this.#interrupted);
    this.#spinner.start();
  }

  /** A signal finds the terminal as it was before; who else waits for it ends the process. */
  readonly #interrupted = (signal: NodeJS.Signals): void => {
    this.stop();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };

  /** The current line, for a terminal with this many columns. */
  text(columns: number): string {
    const { files, totalFiles, unit = 'files', bytes, totalBytes } = this.#state;
    const seconds = (monotonicTime() - this.#phaseStarted) / 1000;
    const known = new Map([['label', this.#label]]);
    const done = doneOf(this.#state);
    if (done !== undefined) {
      const full = Math.floor(done * BAR_WIDTH);
      known.set('bar', '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full));
      known.set('percent', `${Math.floor(done * 100)}%`);
    }
    if (files !== undefined) {
      known.set(
        'files',
        totalFiles === undefined
          ? countText(files, unit)
          : `${countText(files)} of ${countText(totalFiles, unit)}`,
      );
    }
    if (bytes !== undefined) {
      const total = totalBytes === undefined ? '' : ` of ${sizeText(totalBytes)}`;
      known.set('bytes', `${sizeText(bytes)}${total}`);
      if (seconds > 0) known.set('rate', rateText(bytes / seconds));
    }
    if (done !== undefined && done > 0 && seconds >= FIRST_GUESS) {
      known.set('left', `${timeText((seconds * (1 - done)) / done)} left`);
    }
    return fitted(known, columns - SPINNER_WIDTH);
  }
}

/** Shows how far a copy has come. @param verb what comes after the scan, as `Copying` */
export function shownBy(progress: Progress, verb: string): (state: CopyProgress) => void {
  return (state) => progress.update(state, state.phase === 'scan' ? 'Looking' : verb);
}

/** Which part of the phase is done, from 0 to 1; undefined where its end is not known. */
function doneOf({ files, totalFiles, bytes, totalBytes }: ProgressState): number | undefined {
  const hasFiles = files !== undefined && totalFiles !== undefined;
  const hasBytes = bytes !== undefined && totalBytes !== undefined;
  if (!hasFiles && !hasBytes) return undefined;
  const all = (hasFiles ? totalFiles * FILE_COST : 0) + (hasBytes ? totalBytes : 0);
  const some = (hasFiles ? files * FILE_COST : 0) + (hasBytes ? bytes : 0);
  // A file may grow while it is read.
  return all === 0 ? undefined : Math.min(1, some / all);
}

/** The parts in one line that is not wrapped: what matters least goes first. */
function fitted(parts: Map<string, string>, width: number): string {
  const line = () => [...parts.values()].join('  ');
  for (const least of ['rate', 'bytes', 'bar', 'files', 'left']) {
    if (line().length <= width) break;
    parts.delete(least);
  }
  return line().slice(0, Math.max(0, width));
}

function columns(): number {
  return process.stderr.columns || 80;
}

function drawsOnTerminal(): boolean {
  if (process.env.TERM === 'dumb' || 'CI' in process.env) return false;
  return isTerminal(STDERR);
}

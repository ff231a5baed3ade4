/**
 * The line on the terminal that tells how far long work has come. It appears when stderr is a
 * terminal and the work has lasted half a second; the library that draws it is loaded only then.
 */

import type { Spinner } from 'yocto-spinner';
import { monotonicTime } from '../clock.ts';
import { fstatSync } from '../storage/disk/fs.ts';
import { SIGNALS } from './interruption.ts';
import { rateText, sizeText, timeText } from './quantities.ts';

const STDERR = 2;

/** What stands before the text, and the column that a terminal may keep free at the end. */
const SPINNER_WIDTH = 3;

/** When the line appears, in milliseconds after the start. */
const DELAY = 500;

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
  #state: ProgressState = {};
  #spinner: Spinner | undefined;
  #stopped = false;

  /** @param label what is being done, as `Copying` */
  constructor(label: string) {
    this.#label = label;
    if (isTerminal()) {
      this.#timer = setTimeout(() => void this.#show(), DELAY);
      this.#timer.unref();
    }
  }

  update(state: ProgressState, label = this.#label): void {
    this.#state = state;
    this.#label = label;
    if (this.#spinner !== undefined) this.#spinner.text = this.#text();
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

  async #show(): Promise<void> {
    const { default: createSpinner } = await import('yocto-spinner');
    if (this.#stopped) return;
    // Left to itself it would end the process, before the work has tidied up.
    this.#spinner = createSpinner({ text: this.#text(), handleSignals: false });
    for (const signal of SIGNALS) process.on(signal, this.#interrupted);
    this.#spinner.start();
  }

  /** A signal finds the terminal as it was before; who else waits for it ends the process. */
  readonly #interrupted = (signal: NodeJS.Signals): void => {
    this.stop();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };

  #text(): string {
    const { files, totalFiles, unit = 'files', bytes, totalBytes } = this.#state;
    const seconds = (monotonicTime() - this.#started) / 1000;
    const known = new Map([['label', this.#label]]);
    if (files !== undefined) {
      known.set('files', `${files}${totalFiles === undefined ? '' : ` of ${totalFiles}`} ${unit}`);
    }
    if (bytes !== undefined) {
      const total = totalBytes === undefined ? '' : ` of ${sizeText(totalBytes)}`;
      known.set('bytes', `${sizeText(bytes)}${total}`);
      known.set('rate', rateText(bytes / seconds));
      if (totalBytes !== undefined && bytes > 0) {
        known.set('left', `${timeText((seconds * (totalBytes - bytes)) / bytes)} left`);
      }
    }
    return fitted(known, (process.stderr.columns || 80) - SPINNER_WIDTH);
  }
}

/** The parts in one line that is not wrapped: what matters least goes first. */
function fitted(parts: Map<string, string>, width: number): string {
  const line = () => [...parts.values()].join('  ');
  for (const least of ['rate', 'bytes', 'left', 'files']) {
    if (line().length <= width) break;
    parts.delete(least);
  }
  return line().slice(0, Math.max(0, width));
}

function isTerminal(): boolean {
  if (process.env.TERM === 'dumb' || 'CI' in process.env) return false;
  try {
    return fstatSync(STDERR).isCharacterDevice() && process.stderr.isTTY;
  } catch {
    return false;
  }
}

/**
 * The line on the terminal that tells how far long work has come. It appears when stderr is a
 * terminal and the work has lasted half a second; the library that draws it is loaded only then.
 */
import { fstatSync } from 'node:fs';
import type { Spinner } from 'yocto-spinner';
import { rateText, sizeText, timeText } from './quantities.ts';

const STDERR = 2;

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
  readonly #started = performance.now();
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
    this.#spinner?.stop();
    this.#spinner = undefined;
  }

  async #show(): Promise<void> {
    const { default: createSpinner } = await import('yocto-spinner');
    if (!this.#stopped) this.#spinner = createSpinner({ text: this.#text() }).start();
  }

  #text(): string {
    const { files, totalFiles, unit = 'files', bytes, totalBytes } = this.#state;
    const seconds = (performance.now() - this.#started) / 1000;
    const parts = [this.#label];
    if (files !== undefined) {
      parts.push(`${files}${totalFiles === undefined ? '' : ` of ${totalFiles}`} ${unit}`);
    }
    if (bytes === undefined) return parts.join('  ');
    parts.push(
      `${sizeText(bytes)}${totalBytes === undefined ? '' : ` of ${sizeText(totalBytes)}`}`,
    );
    parts.push(rateText(bytes / seconds));
    if (totalBytes !== undefined && bytes > 0) {
      parts.push(`${timeText((seconds * (totalBytes - bytes)) / bytes)} left`);
    }
    return parts.join('  ');
  }
}

function isTerminal(): boolean {
  if (process.env.TERM === 'dumb' || 'CI' in process.env) return false;
  try {
    return fstatSync(STDERR).isCharacterDevice() && process.stderr.isTTY;
  } catch {
    return false;
  }
}

/**
 * Tracks touched paths in a watched folder, so that a checkpoint need not look at the rest.
 *
 * A reported file is handled by the next checkpoint, and reported again when it changes again. A new
 * directory is not watched at first, so changes in it are not reported. Therefore each checkpoint includes
 * it until the watches have been renewed twice, of which one is certain to have seen it. Periodically, and
 * whenever the touched paths are uncertain, a checkpoint looks at the whole folder.
 */
import { monotonicTime } from '../clock.ts';

/** With more paths than this a checkpoint looks at the whole folder. */
const MOST_PATHS = 500;

/** Longest time without a look at the whole folder, in milliseconds. */
const LONGEST_TRUST = 60_000;

export class Touched {
  /** By path: how often the watches had been renewed when it was touched. */
  readonly #paths = new Map<string, number>();
  /** Any path may have been touched. */
  #isAll = true;
  #watchesSet = 0;
  #seenAll = Number.NEGATIVE_INFINITY;

  /** @param path from the folder; undefined when unknown */
  add(path: string | undefined): void {
    if (path === undefined || path === '' || this.#paths.size >= MOST_PATHS) this.#isAll = true;
    else this.#paths.set(path, this.#watchesSet);
  }

  /** Records that all watches were renewed. */
  watched(): void {
    this.#watchesSet += 1;
  }

  /**
   * The paths for a checkpoint to look at; undefined for all. They count as handled unless `restore` is
   * called.
   * @param isDirectory whether a path is a directory now
   */
  take(isDirectory: (path: string) => boolean): string[] | undefined {
    if (this.#isAll || monotonicTime() - this.#seenAll > LONGEST_TRUST) {
      this.#isAll = false;
      this.#seenAll = monotonicTime();
      for (const path of this.#paths.keys()) if (!isDirectory(path)) this.#paths.delete(path);
      return undefined;
    }
    const paths = [...this.#paths];
    for (const [path, since] of paths) {
      if (this.#watchesSet >= since + 2 || !isDirectory(path)) this.#paths.delete(path);
    }
    return paths.map(([path]) => path);
  }

  /** Puts the taken paths back when they were not stored. */
  restore(): void {
    this.#isAll = true;
  }
}

/**
 * What has been touched in a folder that is watched, so that a checkpoint need not look at the rest.
 *
 * A file that is told once is seen by the checkpoint that takes it, and told again when it changes again.
 * A new directory is not watched at first: nothing tells what changes in it. So a directory is taken by
 * each checkpoint until the watches have been set anew twice, once since it is certain to be there. Now and
 * then, and whenever it is not certain what was touched, a checkpoint looks at the whole.
 */
import { monotonicTime } from '../clock.ts';

/** More paths than that are not worth the care: the whole is looked at. */
const MOST_PATHS = 500;

/** How long a checkpoint may go without a look at the whole, in milliseconds. */
const LONGEST_TRUST = 60_000;

export class Touched {
  /** By path the number of times that watches had been set. */
  readonly #paths = new Map<string, number>();
  /** Anything may have been. */
  #isAll = true;
  #watchesSet = 0;
  #seenAll = Number.NEGATIVE_INFINITY;

  /** @param path from the folder; undefined where that is not known */
  add(path: string | undefined): void {
    if (path === undefined || path === '' || this.#paths.size >= MOST_PATHS) this.#isAll = true;
    else this.#paths.set(path, this.#watchesSet);
  }

  /** All watches have been set anew. */
  watched(): void {
    this.#watchesSet += 1;
  }

  /**
   * The paths that a checkpoint has to look at; undefined for all. Until `restore` is called they count
   * as seen.
   * @param isDirectory whether a path is one now
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

  /** What was taken has not been stored. */
  restore(): void {
    this.#isAll = true;
  }
}

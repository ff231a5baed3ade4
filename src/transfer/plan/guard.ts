/**
 * What of the destination a copy leaves alone: what its options exclude, and what the destination's
 * .gitignore files or the memo of the last sync protect.
 */
import { isFileMode } from '../../git/objects/tree.ts';
import { localError } from '../../systemFaults.ts';
import { joinPath, parentPath } from '../../tree/paths.ts';
import { GITIGNORE } from '../rules/exclusion.ts';
import type { Entry } from '../rules/place.ts';
import type { CopyTask } from './copyPlan.ts';
import type { Coverage } from './coverage.ts';
import type { DestinationView } from './destinationView.ts';
import type { Protection } from './protection.ts';

export class Guard<S extends Entry, D extends Entry> {
  readonly #task: CopyTask<S, D>;
  readonly #view: DestinationView<D>;
  readonly #coverage: Coverage<S, D>;
  /** Destination directories whose .gitignore has been read. */
  readonly #learned = new Set<string>();

  constructor(task: CopyTask<S, D>, view: DestinationView<D>, coverage: Coverage<S, D>) {
    this.#task = task;
    this.#view = view;
    this.#coverage = coverage;
  }

  /** Whether the options exclude an entry of the destination. */
  excludes(path: string, isDirectory: boolean): boolean {
    const { base, exclusion } = this.#task;
    return exclusion.excludes(base === '' ? path : path.slice(base.length + 1), isDirectory);
  }

  /** Whether the destination's .gitignore files, or the memo of the last sync, protect the entry. */
  async protects(path: string, isDirectory: boolean): Promise<boolean> {
    const { protection } = this.#task;
    if (protection === undefined) return false;
    if (protection.isGuess && isRules(path) && this.#coverage.covered.has(path)) return false;
    if (protection.readsGitignore) await this.#learn(parentPath(path), protection);
    return protection.protects(path, isDirectory);
  }

  /** Reads the .gitignore files of a destination directory and of those above it. */
  async #learn(directory: string, protection: Protection): Promise<void> {
    const missing: string[] = [];
    for (let at = directory; !this.#learned.has(at); at = parentPath(at)) {
      missing.push(at);
      if (at === '') break;
    }
    for (let at = missing.pop(); at !== undefined; at = missing.pop()) {
      this.#learned.add(at);
      await this.#readProtection(at, protection);
    }
  }

  async #readProtection(directory: string, protection: Protection): Promise<void> {
    const { destination, run } = this.#task;
    const path = joinPath(directory, GITIGNORE);
    const file = await this.#view.entry(path);
    if (file === undefined || !isFileMode(file.mode) || destination.readRules === undefined) return;
    if (protection.isGuess && this.#coverage.covered.has(path)) return;
    try {
      protection.add(directory, await destination.readRules(path, file));
    } catch (error) {
      protection.seal(directory);
      const shown = destination.show(path);
      run.fail(shown, localError(error, shown));
    }
  }
}

function isRules(path: string): boolean {
  return path === GITIGNORE || path.endsWith(`/${GITIGNORE}`);
}

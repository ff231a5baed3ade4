/** `sync --watch`: sync, and again whenever something has changed, until a signal ends it. */

import { FileNotFoundError, GitStoreError } from '../../errors.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import { lstatSync, statSync } from '../../storage/disk/fs.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { errorCode, isErrorOf } from '../../systemFaults.ts';
import { joinDisk, toDisk } from '../../transfer/disk/diskFiles.ts';
import { TreeWatcher } from '../../transfer/disk/treeWatcher.ts';
import type { CopyOptions } from '../../transfer/rules/options.ts';
import { errorLine } from '../errors.ts';
import { SIGNALS } from '../interruption.ts';
import { printLine, printNote, showName } from '../output/output.ts';

/** How long to wait before a sync that failed is tried again; each time twice as long. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

export interface WatchTask {
  readonly store: GitStore;
  /** The local directory. */
  readonly path: string;
  /** What becomes the same, for a person to read. */
  readonly name: string;
  /** Milliseconds without a change before the next sync. */
  readonly debounce: number;
  readonly filter: Pick<CopyOptions, 'exclude'> & {
    readonly gitignore?: boolean | undefined;
    readonly follow?: boolean | undefined;
  };
  sync(signal: AbortSignal): Promise<FS>;
}

/**
 * Returns when the program is told to end. A sync that fails is tried again.
 * @throws FileNotFoundError when the repository is gone
 * @throws ClosedPipeError when the reader has closed the pipe
 */
export async function watchAndSync({
  store,
  path,
  name: dest,
  debounce,
  filter,
  sync,
}: WatchTask): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of SIGNALS) process.on(signal, end);
  const name = path.replace(/(.)\/+$/, '$1');
  const { folder } = store.storage;
  // One that is elsewhere says itself when it is gone.
  const repository = folder === undefined ? undefined : new RepositoryInPlace(folder);
  const watcher = await TreeWatcher.start(path, {
    ...filter,
    storePath: folder,
    onGone: (error) =>
      printNote(
        error === undefined
          ? `${name} is gone; waiting for it to come back`
          : `${errorLine(error)}; waiting until it can be read`,
      ),
    onLook: () => repository?.check(),
  });
  printNote(`Watching ${showName(name)}: what changes goes to ${showName(dest)}; Ctrl-C ends it`);
  const lines = new CycleLines();
  let polls = false;
  let pause: number | undefined;
  try {
    for (;;) {
      if (watcher.polls && !polls) {
        printNote(`Not everything in ${path} can be watched: looking every few seconds`);
      }
      polls = watcher.polls;
      try {
        await lines.print(await sync(stop.signal));
        pause = undefined;
      } catch (error) {
        if (stop.signal.aborted || !mayPass(error)) throw error;
        repository?.check();
        lines.printFailure(error);
        pause = pause === undefined ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
      }
      await watcher.next(debounce, stop.signal, pause);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = 0;
  } finally {
    watcher.close();
    for (const signal of SIGNALS) process.off(signal, end);
  }
}

/** Whether another try may get past the error: a full disk, a busy branch, files being written. */
function mayPass(error: unknown): boolean {
  return error instanceof GitStoreError || errorCode(error) !== undefined;
}

/** The repository, to be missed when it is moved, removed or replaced by another. */
class RepositoryInPlace {
  readonly #path: string;
  #identity: string | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#identity = this.#look();
  }

  /** @throws FileNotFoundError when it is gone */
  check(): void {
    const found = this.#look();
    if (found !== '') this.#identity ??= found;
    if (found === undefined || found === this.#identity) return;
    const what = found === '' ? 'is gone' : 'was replaced by another';
    const message = `${this.#path}: the repository ${what}, so watching ends`;
    throw new FileNotFoundError(message, { path: this.#path });
  }

  /** Which directory it is, '' for none; undefined when that cannot be told at the moment. */
  #look(): string | undefined {
    try {
      const { dev, ino } = statSync(toDisk(this.#path), { bigint: true });
      lstatSync(toDisk(joinDisk(this.#path, 'HEAD')));
      return `${dev}:${ino}`;
    } catch (error) {
      return isErrorOf(error, 'ENOENT', 'ENOTDIR') ? '' : undefined;
    }
  }
}

/** One line for each sync that changed something, the first one, and the first one after a failure. */
class CycleLines {
  #isNews = true;
  #failure = '';

  async print({ changes, commitHash }: FS): Promise<void> {
    this.#failure = '';
    const isInSync = changes === null || changes.inSync;
    if (isInSync && !this.#isNews) return;
    this.#isNews = false;
    const what = isInSync
      ? 'no changes'
      : `+${changes.add.length} ~${changes.update.length} -${changes.delete.length} (commit ${shortHash(commitHash)})`;
    await printLine(`[${new Date().toTimeString().slice(0, 8)}] Sync: ${what}`);
  }

  /** Says why a sync failed, once until another thing happens. */
  printFailure(error: unknown): void {
    this.#isNews = true;
    const line = `${errorLine(error)}; trying again`;
    if (line !== this.#failure) printNote(line);
    this.#failure = line;
  }
}

/** `sync --watch`: sync, and again whenever something has changed, until a signal ends it. */
import { GitStoreError } from '../errors.ts';
import type { FS } from '../store/fs.ts';
import type { GitStore } from '../store/gitStore.ts';
import { shortHash } from '../store/snapshot.ts';
import type { CopyOptions } from '../transfer/options.ts';
import { TreeWatcher } from '../transfer/treeWatcher.ts';
import { errorLine } from './errors.ts';
import { printLine, printNote } from './output.ts';

/** What ends a command that goes on for ever, without that being a failure. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What another try may well get past: files that were being written, a busy branch. */
const PASSING = new Set(['EBUSY', 'ENOENT', 'ENOTDIR', 'ESTALE', 'ELOCKED']);

export interface WatchTask {
  readonly store: GitStore;
  /** The local directory. */
  readonly path: string;
  /** Milliseconds without a change before the next sync. */
  readonly debounce: number;
  readonly filter: Pick<CopyOptions, 'exclude'> & {
    readonly gitignore?: boolean | undefined;
    readonly follow?: boolean | undefined;
  };
  sync(signal: AbortSignal): Promise<FS>;
}

/** Returns when the program is told to end. */
export async function watchAndSync({
  store,
  path,
  debounce,
  filter,
  sync,
}: WatchTask): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of SIGNALS) process.on(signal, end);
  const watcher = await TreeWatcher.start(path, {
    ...filter,
    storePath: store.path,
    onGone: () => printNote(`${path.replace(/\/$/, '')} is gone; waiting for it to come back`),
  });
  try {
    if (watcher.polls)
      printNote(`Not everything in ${path} can be watched: looking every few seconds`);
    for (;;) {
      try {
        await printCycle(await sync(stop.signal));
      } catch (error) {
        if (stop.signal.aborted) throw error;
        printNote(errorLine(error));
        if (error instanceof GitStoreError && PASSING.has(error.code)) watcher.touch();
      }
      await watcher.next(debounce, stop.signal);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = 0;
  } finally {
    watcher.close();
    for (const signal of SIGNALS) process.off(signal, end);
  }
}

async function printCycle(fs: FS): Promise<void> {
  const { changes } = fs;
  const what =
    changes === null || changes.inSync
      ? 'no changes'
      : `+${changes.add.length} ~${changes.update.length} -${changes.delete.length} (commit ${shortHash(fs.commitHash)})`;
  await printLine(`[${new Date().toTimeString().slice(0, 8)}] Sync: ${what}`);
}

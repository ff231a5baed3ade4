/** The watch of a workspace's folder: which paths a checkpoint has to look at. */

import { joinDisk } from '../transfer/disk/diskFiles.ts';
import { TreeWatcher } from '../transfer/disk/treeWatcher.ts';
import type { ExcludeFilter } from '../transfer/rules/excludeFilter.ts';
import { GITIGNORE } from '../transfer/rules/exclusion.ts';
import { isDirectoryOnDisk } from './folders.ts';
import type { WorkspaceOptions } from './options.ts';
import { Touched } from './touched.ts';

/** Milliseconds without changes before a change is reported. */
const QUIET = 50;

/** What is watched. */
export interface WatchedFolder {
  readonly path: string;
  readonly exclude: ExcludeFilter | undefined;
  readonly gitignore: boolean;
  /** The store's directory, whose changes do not count. */
  readonly storePath: string | undefined;
}

export class FolderWatch {
  readonly #folder: WatchedFolder;
  readonly #touched = new Touched();
  readonly #closing = new AbortController();
  /** Undefined while touched paths are unknown. */
  #watcher: TreeWatcher | undefined;

  constructor(folder: WatchedFolder) {
    this.#folder = folder;
  }

  /** Begins to watch. */
  async start({ onChange, onError }: WorkspaceOptions): Promise<void> {
    const { signal } = this.#closing;
    const { path: folder, ...options } = this.#folder;
    const watcher = await TreeWatcher.start(folder, {
      ...options,
      onTouch: (path) => {
        const isRules = path === GITIGNORE || path?.endsWith(`/${GITIGNORE}`);
        this.#touched.add(isRules ? undefined : path);
      },
      onGone: () => this.#touched.add(undefined),
    });
    this.#watcher = watcher;
    const follow = async (): Promise<void> => {
      for (;;) {
        await watcher.next(QUIET, signal);
        this.#touched.watched();
        onChange?.();
      }
    };
    follow().catch((error: unknown) => {
      // From now on touched paths are unknown.
      this.#watcher = undefined;
      watcher.close();
      if (!signal.aborted) onError?.(error);
    });
  }

  /**
   * The paths touched since the last call; undefined for the whole folder.
   * @param isCurrent whether the folder's last state is known to be the newest checkpoint
   */
  async take(isCurrent: () => Promise<boolean>): Promise<string[] | undefined> {
    const watcher = this.#watcher;
    if (watcher === undefined || watcher.polls) return undefined;
    // Events from before this call have arrived, or arrive in the next turns of the event loop.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    const { path: folder } = this.#folder;
    const isOurs = await isCurrent();
    const paths = this.#touched.take((path) => isDirectoryOnDisk(joinDisk(folder, path)));
    return isOurs ? paths : undefined;
  }

  /** Gives back what was taken and not stored. */
  restore(): void {
    this.#touched.restore();
  }

  close(): void {
    this.#closing.abort();
    this.#watcher?.close();
  }
}

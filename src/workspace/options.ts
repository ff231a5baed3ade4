/** Options and results of a workspace. */

import type { Labels } from '../store/commit/labels.ts';
import type { MergeOptions } from '../store/commitOptions.ts';
import type { SignOptions } from '../store/context/signers.ts';
import type { FS } from '../store/fs.ts';
import type { GitStore } from '../store/gitStore.ts';
import type { OpenOptions } from '../store/openOptions.ts';
import type { ThinPolicy } from '../store/thinning/retention.ts';
import type { CopyProgress } from '../transfer/rules/options.ts';
import type { Exclude } from '../transfer/rules/patterns.ts';
import type { ChangeProblem, ChangeReport } from '../tree/changes.ts';
import type { FileType } from '../tree/types.ts';

export interface WorkspaceOptions {
  /**
   * The store for the checkpoints: an open one, or its path. A store given by path is opened with
   * `storeOptions`, created when it is missing, and closed with the workspace.
   */
  readonly store: GitStore | string;
  readonly storeOptions?: OpenOptions | undefined;
  /**
   * Branch for the checkpoints, created when it is missing. Default: the one recorded for the folder, else
   * the store's current branch, unless another folder uses it.
   */
  readonly branch?: string | undefined;
  /** Patterns to exclude from the workspace (gitignore(5)). Default: the recorded ones, else none. */
  readonly exclude?: Exclude | undefined;
  /**
   * Whether to exclude what .gitignore files name. The files themselves are part of the workspace.
   * Default: as recorded, else true.
   */
  readonly gitignore?: boolean | undefined;
  /**
   * The checkpoints to keep: the branch is thinned by this policy periodically, after a checkpoint.
   * Default: all.
   */
  readonly keep?: ThinPolicy | undefined;
  /**
   * Watch the folder, so that a checkpoint looks only at touched files; default only with `onChange`.
   */
  readonly watch?: boolean | undefined;
  /** Called after a change in the folder, once it has been quiet for 50 ms. */
  readonly onChange?: (() => void) | undefined;
  /** Called with the error that ends the calls of `onChange`, such as a missing folder. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Options of all work on the folder. */
export interface WorkOptions {
  /** Only these: paths from the folder, of files or directories. */
  readonly paths?: readonly string[] | undefined;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CheckpointOptions extends WorkOptions, SignOptions {
  /** Default: one line about the changes. */
  readonly message?: string | undefined;
  /** Trailers of the message. */
  readonly labels?: Labels | undefined;
  /** Continue after unreadable files: they stay as in the last checkpoint, and are in `changes.errors`. */
  readonly ignoreErrors?: boolean | undefined;
}

export interface WorkspaceChange {
  /** Path from the folder. */
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'deleted' | 'type';
  /** Type on disk; of a deleted file its former type. */
  readonly type: FileType;
  /** Bytes on disk; undefined for a deleted file. */
  readonly size?: number | undefined;
  /** Bytes in the snapshot; undefined for an added file. */
  readonly oldSize?: number | undefined;
}

export interface WorkspaceChanges {
  /** The snapshot that the folder was compared with. */
  readonly since: FS;
  /** Sorted by path. */
  readonly entries: readonly WorkspaceChange[];
  /** Paths that could not be read, so that their changes are unknown. */
  readonly errors: readonly ChangeProblem[];
  readonly warnings: readonly ChangeProblem[];
}

/**
 * A snapshot; a branch, tag or hash; the last checkpoint up to a moment; the last one with these labels;
 * or a number of checkpoints to go back from what the folder holds now.
 */
export type RewindTarget =
  | FS
  | string
  | Date
  | { readonly labels: Labels }
  | { readonly back: number };

export interface RewindOptions extends WorkOptions, SignOptions {
  /** Change nothing; `changes` has what would change. */
  readonly dryRun?: boolean | undefined;
  /** Default: one line about the target. */
  readonly message?: string | undefined;
  readonly labels?: Labels | undefined;
}

export interface Rewound {
  /** The folder before the rewind, including changes that were not stored yet. */
  readonly saved: FS;
  /** The folder after the rewind; on a dry run the same as `saved`. */
  readonly snapshot: FS;
  /** The target of the rewind. */
  readonly target: FS;
  /** What has changed in the folder. `errors`: what was left as it is, and why. */
  readonly changes: ChangeReport;
}

export interface ForkOptions extends Omit<WorkOptions, 'paths'>, SignOptions {
  /** Branch of the new folder, which must not exist. Default: the new folder's name. */
  readonly branch?: string | undefined;
}

export interface MergeHomeOptions
  extends Omit<WorkOptions, 'paths'>,
    Omit<MergeOptions, 'signal' | 'dryRun' | 'operation' | 'staleWrites'> {}

export interface MergedHome {
  /** The folder before the merge. */
  readonly saved: FS;
  /** The folder after the merge. Its `changes` are those of the merge, including conflicts with markers. */
  readonly snapshot: FS;
  /** What has changed in the folder. `errors`: what was left as it is, and why. */
  readonly changes: ChangeReport;
}

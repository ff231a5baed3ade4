/** What is said of a workspace and asked of it. */
import type { FS, MergeOptions } from '../store/fs.ts';
import type { GitStore, OpenOptions } from '../store/gitStore.ts';
import type { Labels } from '../store/labels.ts';
import type { ThinPolicy } from '../store/retention.ts';
import type { SignOptions } from '../store/signers.ts';
import type { CopyProgress } from '../transfer/rules/options.ts';
import type { Exclude } from '../transfer/rules/patterns.ts';
import type { ChangeProblem, ChangeReport } from '../tree/changes.ts';
import type { FileType } from '../tree/types.ts';

export interface WorkspaceOptions {
  /**
   * The store that keeps the checkpoints: an open one, or its path. One that is named by its path is
   * opened with `storeOptions`, made where it is missing, and closed with the workspace.
   */
  readonly store: GitStore | string;
  readonly storeOptions?: OpenOptions | undefined;
  /**
   * Branch for the checkpoints, made when it is missing. Default: the one that the store remembers for
   * the folder, else its current branch, unless that is another folder's.
   */
  readonly branch?: string | undefined;
  /** Patterns of what is no part of the workspace (gitignore(5)). Default: as remembered, else none. */
  readonly exclude?: Exclude | undefined;
  /**
   * Whether what .gitignore files leave out is no part of the workspace either. The files themselves
   * are a part. Default: as remembered, else true.
   */
  readonly gitignore?: boolean | undefined;
  /**
   * Which checkpoints are kept: the branch is thinned by it now and then, after a checkpoint. Default:
   * all.
   */
  readonly keep?: ThinPolicy | undefined;
  /**
   * Watch the folder, so that a checkpoint looks only at what was touched; default only with `onChange`.
   */
  readonly watch?: boolean | undefined;
  /** Called after something in the folder has changed, when it has been quiet for 50 ms. */
  readonly onChange?: (() => void) | undefined;
  /** Called with what ends the calls of `onChange`, a folder that is gone for example. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What all work on the folder takes. */
export interface WorkOptions {
  /** Only these: paths from the folder, of files or directories. */
  readonly paths?: readonly string[] | undefined;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CheckpointOptions extends WorkOptions, SignOptions {
  /** Default: what has changed, in a line. */
  readonly message?: string | undefined;
  /** Trailers of the message. */
  readonly labels?: Labels | undefined;
  /** Carry on past files that cannot be read: they stay as they were, and are in `changes.errors`. */
  readonly ignoreErrors?: boolean | undefined;
}

export interface WorkspaceChange {
  /** Path from the folder. */
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'deleted' | 'type';
  /** What is on the disk; of a deleted file what was there. */
  readonly type: FileType;
  /** Bytes on the disk; undefined for a deleted file. */
  readonly size?: number | undefined;
  /** Bytes in the snapshot; undefined for an added file. */
  readonly oldSize?: number | undefined;
}

export interface WorkspaceChanges {
  /** What the folder was compared with. */
  readonly since: FS;
  /** Sorted by path. */
  readonly entries: readonly WorkspaceChange[];
  /** What could not be read, so that nothing is known of it. */
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
  /** Change nothing; `changes` says what would change. */
  readonly dryRun?: boolean | undefined;
  /** Default: where to, in a line. */
  readonly message?: string | undefined;
  readonly labels?: Labels | undefined;
}

export interface Rewound {
  /** The folder as it was before, what had not been stored yet included. */
  readonly saved: FS;
  /** The folder as it is now; on a dry run the same as `saved`. */
  readonly snapshot: FS;
  /** What the folder was rewound to. */
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
    Omit<MergeOptions, 'signal' | 'dryRun' | 'tag' | 'forceTag' | 'operation'> {}

export interface MergedHome {
  /** The folder as it was before. */
  readonly saved: FS;
  /** The folder as it is now; `changes` tells what the merge has brought, conflicts with markers too. */
  readonly snapshot: FS;
  /** What has changed in the folder. `errors`: what was left as it is, and why. */
  readonly changes: ChangeReport;
}

/** Options of the calls that commit. */
import type { FileMode } from '../git/objects/tree.ts';
import type { FileType } from '../tree/types.ts';
import type { MergeChoices, MergeRules } from './commit/merge.ts';
import type { StaleWrites } from './context/context.ts';
import type { SignOptions } from './context/signers.ts';
import type { FS } from './fs.ts';

/** How to make a commit. */
export interface CommitOptions extends SignOptions {
  /** The commit's message, taken literally. */
  message?: string | undefined;
  /**
   * A message with the placeholders `{default}`, `{add_count}`, `{update_count}`, `{delete_count}`,
   * `{total_count}` and `{op}`; `{{` and `}}` are braces. Takes precedence over `message`.
   */
  messageTemplate?: string | undefined;
  /** Name of the operation for `{op}` and the default message, for example `cp`. */
  operation?: string | undefined;
  /** Extra parents, recorded after the first; their trees are not merged. */
  parents?: readonly FS[] | undefined;
  /**
   * A tag for the resulting commit, set atomically with the branch. An existing tag is refused
   * (`KeyExistsError`), unless `forceTag`.
   */
  tag?: string | undefined;
  /** Whether `tag` may move an existing tag; default false. */
  forceTag?: boolean | undefined;
  /**
   * When the branch has moved on since this snapshot: `merge` applies the write to its tip, unless one of
   * its paths has changed; `refuse` throws. Default: the store's option.
   */
  staleWrites?: StaleWrites | undefined;
  signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CommitOptions {
  /**
   * A `FileType`, one of Git's modes, or permission bits. By default an existing file stays executable or
   * not, and a new one is not executable.
   */
  mode?: FileType | FileMode | undefined;
}

/** Options of remove and move. */
export interface ReshapeOptions extends CommitOptions {
  /** Include directories. */
  recursive?: boolean | undefined;
  /** Change nothing; return the same snapshot with the report of what would change. */
  dryRun?: boolean | undefined;
}

/** Options of pick and revert. */
export interface PickOptions extends CommitOptions, MergeRules {}

export interface MergeOptions extends CommitOptions, MergeChoices {}

/**
 * A *place* is where a copy comes from or goes to: a directory on disk or a tree in a store. To the
 * planner both are directories of entries with a name and one of Git's modes; each place adds to its
 * entries what it knows besides, an object id or a stat.
 */
import type { ObjectId } from '../../git/objectId.ts';
import type { FileMode } from '../../git/tree.ts';

/** One name in a directory. */
export interface Entry {
  readonly name: string;
  /** What a tree holds or would hold for it; `MODE_NONE` for what Git cannot hold. */
  readonly mode: FileMode;
}

/** A file in a directory that is taken over as a whole. */
export interface WholeFile {
  readonly path: string;
  readonly mode: FileMode;
}

/** Devices, pipes, sockets: what no tree can hold. */
export const MODE_NONE: FileMode = 0;

/** A tree, and the names under which a directory may hold something else. */
export interface Changes {
  readonly base: ObjectId;
  readonly names: ReadonlySet<string>;
}

export const NO_NAMES: ReadonlySet<string> = new Set();

/** How a source tells of entries in a directory that it does not give out. */
export interface Omissions {
  /** The entry is left out on purpose. */
  skip(name: string, remark: string): void;
  /** The entry should have been copied and cannot be. */
  fail(name: string, error: unknown): void;
}

export interface SourcePlace<E extends Entry> {
  /**
   * What is known of the directory without listing it. What would be copied of it, `names` aside,
   * makes the tree `base`, `names` aside, and there is nothing to remark on.
   */
  changes(directory: E): Promise<Changes | undefined>;

  /** Of what `list` would give, what stands under some names. */
  pick(
    path: string,
    directory: E,
    names: ReadonlySet<string>,
    omissions: Omissions,
  ): Promise<readonly E[]>;

  /** The content of a file that says what is to be left out. @param path as this place names it */
  readRules?(path: string, file: E): Promise<Uint8Array>;

  /**
   * Takes note of a file that is going to be copied to where nothing stands, and waits where that is
   * a use of the time until the planner goes on.
   * @param path as `readRules`
   */
  offer?(path: string, file: E): Promise<void> | undefined;

  /**
   * All files below the directory, with their paths in it, when its tree can be taken over as it
   * stands: nothing in it is to be left out or refused.
   * @param target where the directory is to stand
   */
  whole?(directory: E, target: string): Promise<readonly WholeFile[] | undefined>;

  /** Whether a directory is the root of a repository of its own, as a submodule that is checked out. */
  isRepository?(path: string): boolean;

  /**
   * What can be copied of the directory, in Git's order.
   * @param path the directory, as this place names it
   */
  list(path: string, directory: E, omissions: Omissions): Promise<readonly E[]>;
}

export interface DestinationPlace<E extends Entry> {
  /** The directory that paths in this place begin at; undefined when it is still to be made. */
  readonly root: E | undefined;

  /** What is known of the directory without listing it: `names` aside, it is the tree `base`. */
  changes(directory: E): Promise<Changes | undefined>;

  /** Of what `list` would give, what stands under some names. */
  pick(path: string, directory: E, names: ReadonlySet<string>): Promise<readonly E[]>;

  /** All entries of the directory that a copy may touch. */
  list(path: string, directory: E): Promise<readonly E[]>;

  /** The content of a file that says what is to be left out. */
  readRules?(path: string, file: E): Promise<Uint8Array>;

  /**
   * Why an entry is not deleted although no source covers it: the sources cannot hold such a thing.
   * Undefined for one that is deleted.
   */
  keeps?(entry: E): string | undefined;

  /** The path as a person knows it, for reports. */
  show(path: string): string;
}

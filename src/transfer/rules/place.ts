/**
 * A *place* is the source or destination of a copy: a directory on disk or a tree in a store. The planner
 * sees both as directories of entries with a name and one of Git's modes. Each place adds what else it
 * knows of its entries, an object id or a stat.
 */
import type { ObjectId } from '../../git/objectId.ts';
import type { FileMode, TreeEntry } from '../../git/objects/tree.ts';

/** One name in a directory. */
export interface Entry {
  readonly name: string;
  /** The mode that a tree has or would have for it; `MODE_NONE` for what Git cannot hold. */
  readonly mode: FileMode;
}

/** A file in a directory that is copied as a whole. */
export interface WholeFile {
  readonly path: string;
  readonly mode: FileMode;
  /** Of its content. */
  readonly id: ObjectId;
}

/** The mode of devices, pipes and sockets, which no tree can hold. */
export const MODE_NONE: FileMode = 0;

/**
 * The entry of a tree by name, when it is known without reading the tree: null for a missing entry,
 * undefined when unknown.
 */
export type KnownEntry = (tree: ObjectId, name: string) => TreeEntry | null | undefined;

/** A tree, and the names under which a directory may differ from it. */
export interface Changes {
  readonly base: ObjectId;
  readonly names: ReadonlySet<string>;
}

export const NO_NAMES: ReadonlySet<string> = new Set();

/** Receives the entries of a directory that a source does not list. */
export interface Omissions {
  /** The entry is omitted on purpose. */
  skip(name: string, remark: string): void;
  /** The entry should be copied and cannot be. */
  fail(name: string, error: unknown): void;
}

export interface SourcePlace<E extends Entry> {
  /**
   * What is known of the directory without listing it: except under `names`, the files to copy from it
   * equal the tree `base`, and there is nothing to report.
   */
  changes(directory: E): Promise<Changes | undefined>;

  /** The part of `list` under some names. */
  pick(
    path: string,
    directory: E,
    names: ReadonlySet<string>,
    omissions: Omissions,
  ): Promise<readonly E[]>;

  /** The content of a .gitignore file. @param path as this place names it */
  readRules?(path: string, file: E): Promise<Uint8Array>;

  /**
   * Offers a file that will be copied to a landing where nothing exists. The place may start storing it
   * while planning goes on. A promise asks the planner to wait.
   * @param path as `readRules`
   */
  offer?(path: string, file: E): Promise<void> | undefined;

  /**
   * All files below the directory, with their paths in it, when its tree can be copied as a whole:
   * nothing in it is excluded or refused.
   * @param target the directory's landing
   */
  whole?(directory: E, target: string): Promise<readonly WholeFile[] | undefined>;

  /** Whether a directory is the root of its own repository, such as a checked-out submodule. */
  isRepository?(path: string): boolean;

  /**
   * The entries of the directory that can be copied, in Git's order.
   * @param path the directory, as this place names it
   */
  list(path: string, directory: E, omissions: Omissions): Promise<readonly E[]>;
}

export interface DestinationPlace<E extends Entry> {
  /** The directory that paths in this place start from; undefined when it does not exist yet. */
  readonly root: E | undefined;

  /** What is known of the directory without listing it: except under `names`, it equals the tree `base`. */
  changes(directory: E): Promise<Changes | undefined>;

  /** The part of `list` under some names. */
  pick(path: string, directory: E, names: ReadonlySet<string>): Promise<readonly E[]>;

  /** All entries of the directory that a copy may touch. */
  list(path: string, directory: E): Promise<readonly E[]>;

  /** The content of a .gitignore file. */
  readRules?(path: string, file: E): Promise<Uint8Array>;

  /**
   * Why an entry stays although no source covers it: the sources cannot hold such an entry. Undefined for
   * one to delete.
   */
  keeps?(entry: E): string | undefined;

  /** The path as shown to users, for reports. */
  show(path: string): string;
}

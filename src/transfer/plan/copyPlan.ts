/** What a copy is given, and what it has to do: the plan. */
import type { TreeReader } from '../../tree/reader.ts';
import type { Exclusion } from '../rules/exclusion.ts';
import type { CopyOptions } from '../rules/options.ts';
import type { DestinationPlace, Entry, SourcePlace, WholeFile } from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';
import type { Protection } from './protection.ts';
import type { Landing } from './sources.ts';

export interface PlannedFile<S extends Entry, D extends Entry> {
  /** Path in the destination place. */
  readonly path: string;
  /** Path in the source place. */
  readonly from: string;
  readonly source: S;
  /** As its landing has it. */
  readonly tree: number | undefined;
  /** The existing entry to replace: a file, a link, or something that Git cannot hold. */
  readonly existing: D | undefined;
}

/** A directory that is copied as a whole to a landing where nothing exists. */
export interface Graft<S extends Entry> {
  readonly path: string;
  readonly from: string;
  readonly source: S;
  /** As its landing has it. */
  readonly tree: number | undefined;
  readonly files: readonly WholeFile[];
}

export interface Plan<S extends Entry, D extends Entry> {
  /** The files to copy. Where a file exists, the executor still compares contents. */
  readonly files: readonly PlannedFile<S, D>[];
  /** The files to remove, by path in the destination place. */
  readonly deletes: ReadonlyMap<string, D>;
  /** Destination directories that the sources do not have, each after the ones within it. */
  readonly vacated: readonly string[];
  /** Only from sources that can be copied as a whole. */
  readonly grafts: readonly Graft<S>[];
  /**
   * Some source directories are known to be in place already, at least in part. The plan does not list
   * those files.
   */
  readonly hasSame: boolean;
}

export interface CopyTask<S extends Entry, D extends Entry> {
  readonly source: SourcePlace<S>;
  readonly landings: readonly Landing<S>[];
  readonly destination: DestinationPlace<D>;
  /** Path in the destination place that landings are relative to. */
  readonly base: string;
  readonly options: CopyOptions;
  /** The trees that either place knows of. */
  readonly trees: TreeReader;
  /** What to exclude, both from copying and from deleting. */
  readonly exclusion: Exclusion;
  /** What else must be neither deleted nor replaced. */
  readonly protection?: Protection | undefined;
  /** Whether to remove what no source covers. */
  readonly deletes: boolean;
  /** Whether a directory may be copied as a whole; default false. */
  readonly grafts?: boolean;
  readonly run: CopyRun;
}

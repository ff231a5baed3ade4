/** What a scan and the directories in it share. */
import type { ObjectId } from '../../git/objectId.ts';
import type { FileMode, TreeEntry } from '../../git/objects/tree.ts';
import type { Memos } from '../../storage/storage.ts';
import type { TreeReader } from '../../tree/reader.ts';
import type { Anchors } from '../disk/anchors.ts';
import type { DeviceClocks } from '../disk/fileTimes.ts';
import type { RecordComparison } from './recordComparison.ts';
import type { StatRecord } from './statRecord.ts';

export interface ScanOptions {
  /** Holds the record; undefined for no record. */
  readonly memos: Memos | undefined;
  /** The trees of the store. */
  readonly trees?: TreeReader | undefined;
  /** The other side of the copy. Each pair of directory and counterpart has its own record. */
  readonly counterpart: string;
  /** Look at the targets of links instead of the links. */
  readonly follow?: boolean | undefined;
  /** The mode for all files instead of their own. */
  readonly fileMode?: FileMode | undefined;
  /** Ignore the existing record. */
  readonly ignoreRecord?: boolean | undefined;
  /** A key of everything but the files that the trees of the directories depend on. */
  readonly rules?: string | undefined;
  /** Whether a path below the directory is excluded from its tree. */
  readonly isExcluded?: ((path: string, isDirectory: boolean) => boolean) | undefined;
  /** .gitignore files are part of the rules: a changed one may change any tree below it. */
  readonly readsGitignore?: boolean | undefined;
  /** An empty directory counts as a difference, because a tree cannot hold one. */
  readonly countsEmpty?: boolean | undefined;
}

/** A directory whose recorded entries can be asked for. */
export interface RecordedEntries {
  /** Its recorded tree's entry under a name: null for a missing one, undefined when unknown. */
  recordedEntry(name: string): TreeEntry | null | undefined;
}

export interface ScanState {
  readonly options: ScanOptions;
  readonly anchors: Anchors | undefined;
  readonly record: StatRecord | undefined;
  readonly comparison: RecordComparison | undefined;
  readonly started: number;
  readonly trustedDevice: number | undefined;
  readonly clocks: DeviceClocks;
  changed: boolean;
  wasRecorded(tree: ObjectId, directory: RecordedEntries): void;
}

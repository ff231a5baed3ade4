/** What a caller may ask of a copy. The names are the command line's, in camelCase. */
import type { FileType } from '../../tree/types.ts';
import { type Exclude, patternsOf } from './patterns.ts';

/** How far a copy has come. */
export interface CopyProgress {
  /** `scan`: listing the sources. `copy`: comparing and copying. */
  readonly phase: 'scan' | 'copy';
  /** Files done in this phase. */
  readonly files: number;
  /** Bytes of the files done in this phase. */
  readonly bytes: number;
  /** Files in this phase, once that is known. */
  readonly totalFiles?: number;
  /** Bytes in this phase, where that is known. */
  readonly totalBytes?: number;
}

/** Options of a copy in any direction. */
export interface CopyOptions {
  /** Report what would change and change nothing. */
  readonly dryRun?: boolean | undefined;
  /** Leave alone whatever stands in the destination already. */
  readonly ignoreExisting?: boolean | undefined;
  /** Remove destination files that no source covers, within the directories that are copied. */
  readonly delete?: boolean | undefined;
  /** Carry on past files that fail and list them in the report. */
  readonly ignoreErrors?: boolean | undefined;
  /** Read every file, also where the stat record says that it has not changed. */
  readonly checksum?: boolean | undefined;
  /** What to leave out, as a filter or its patterns; in the destination it protects from `delete`. */
  readonly exclude?: Exclude | undefined;
  /**
   * Leave out what the .gitignore files in the source say, nested ones too, and these files
   * themselves. As with `exclude`, what is left out is not deleted in the destination. On disk, what
   * the .gitignore files of the destination say is neither deleted nor replaced.
   */
  readonly gitignore?: boolean | undefined;
  /** With `gitignore`: copy the .gitignore files themselves; default false. */
  readonly gitignoreFiles?: boolean | undefined;
  /**
   * With `delete`, to disk: protect what the last sync from there left out. Default true.
   */
  readonly recall?: boolean | undefined;
  /** Called now and then, and at the end of each phase. */
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Stops the copy; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a copy from disk into a store. */
export interface CopyInOptions extends CopyOptions {
  /** Store what links point to instead of the links. */
  readonly followSymlinks?: boolean | undefined;
  /** Stored for every file, whatever its permissions: a file type or a mode. Links stay links. */
  readonly mode?: FileType | number | undefined;
}

/** @internal Which part of a directory a copy is about. */
export interface PathSelection {
  /** Paths in the destination; what is neither at one of them nor below is left alone. */
  readonly only?: readonly string[] | undefined;
  /** With `only`: few files, so that reading them takes less than the stat record of the whole. */
  readonly isFew?: boolean | undefined;
}

/**
 * Stands for the options that decide what tree a directory makes (`ScanOptions.rules`).
 * @param kept where in the destination the directory lands
 */
export function scanRules(options: CopyInOptions, kept: string): string | undefined {
  const { exclude, gitignore, gitignoreFiles, followSymlinks, mode } = options;
  const rules = [exclude && patternsOf(exclude), gitignore, followSymlinks, mode, gitignoreFiles];
  return rules.some(Boolean) ? JSON.stringify([...rules, kept]) : undefined;
}

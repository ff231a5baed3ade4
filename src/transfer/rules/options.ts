/** Options of a copy. The names are those of the command line, in camelCase. */
import type { FileType } from '../../tree/types.ts';
import { type Exclude, patternsOf } from './patterns.ts';

/** Progress of a copy. */
export interface CopyProgress {
  /** `scan`: listing the sources. `copy`: comparing and copying. */
  readonly phase: 'scan' | 'copy';
  /** Files done in this phase. */
  readonly files: number;
  /** Bytes of the files done in this phase. */
  readonly bytes: number;
  /** Files in this phase, once known. */
  readonly totalFiles?: number;
  /** Bytes in this phase, when known. */
  readonly totalBytes?: number;
}

/** Options of a copy in any direction. */
export interface CopyOptions {
  /** Report what would change and change nothing. */
  readonly dryRun?: boolean | undefined;
  /** Leave existing files in the destination alone. */
  readonly ignoreExisting?: boolean | undefined;
  /** Remove destination files that no source covers, within the directories that are copied. */
  readonly delete?: boolean | undefined;
  /** Continue after files that fail, and list them in the report. */
  readonly ignoreErrors?: boolean | undefined;
  /** Read every file, even when the stat record shows that it has not changed. */
  readonly checksum?: boolean | undefined;
  /** What to exclude, as a filter or its patterns. In the destination this also protects from `delete`. */
  readonly exclude?: Exclude | undefined;
  /**
   * Exclude what the .gitignore files in the source name, including nested ones, and these files
   * themselves. As with `exclude`, excluded files are not deleted in the destination. On disk, files that
   * the destination's .gitignore files name are neither deleted nor replaced.
   */
  readonly gitignore?: boolean | undefined;
  /** With `gitignore`: copy the .gitignore files themselves; default false. */
  readonly gitignoreFiles?: boolean | undefined;
  /**
   * With `delete`, to disk: protect what the last sync from there excluded. Default true.
   */
  readonly recall?: boolean | undefined;
  /** Called periodically, and at the end of each phase. */
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Aborts the copy, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a copy from disk into a store. */
export interface CopyInOptions extends CopyOptions {
  /** Store the targets of links instead of the links. */
  readonly followSymlinks?: boolean | undefined;
  /** File type or mode to store for every file, regardless of its permissions. Links stay links. */
  readonly mode?: FileType | number | undefined;
}

/** @internal The part of a directory to copy. */
export interface PathSelection {
  /** Paths in the destination. Everything outside them is left alone. */
  readonly only?: readonly string[] | undefined;
  /** With `only`: the files are few, so reading them is quicker than the stat record of the whole. */
  readonly isFew?: boolean | undefined;
}

/**
 * A key of the options that affect the tree of a directory (`ScanOptions.rules`).
 * @param kept the directory's landing
 */
export function scanRules(options: CopyInOptions, kept: string): string | undefined {
  const { exclude, gitignore, gitignoreFiles, followSymlinks, mode } = options;
  const rules = [exclude && patternsOf(exclude), gitignore, followSymlinks, mode, gitignoreFiles];
  return rules.some(Boolean) ? JSON.stringify([...rules, kept]) : undefined;
}

/**
 * What an operation changed, or would change: files added, updated and deleted, with the errors and
 * warnings met on the way.
 */
import type { MergeConflict } from '../errors.ts';
import { comparePaths } from '../git/pathBytes.ts';
import type { FileType } from './types.ts';

/** One changed file. */
export interface FileEntry {
  /** Path in the destination. */
  readonly path: string;
  readonly type: FileType;
  /** Where it came from, for copies and moves: a local path, or a path in the source snapshot. */
  readonly src?: string;
}

/** A path that failed or deserves a remark, and why. */
export interface ChangeProblem {
  readonly path: string;
  readonly error: string;
}

export interface ChangeAction extends FileEntry {
  readonly action: 'add' | 'update' | 'delete';
}

export class ChangeReport {
  readonly add: FileEntry[];
  readonly update: FileEntry[];
  readonly delete: FileEntry[];
  /** Paths that were not carried out. */
  readonly errors: ChangeProblem[];
  /** Paths that were skipped or changed in a way worth a remark. */
  readonly warnings: ChangeProblem[];
  /** What a merge with `conflicts: 'markers'` has left to be decided. */
  readonly conflicts: readonly MergeConflict[];

  constructor(
    parts: {
      add?: FileEntry[];
      update?: FileEntry[];
      delete?: FileEntry[];
      errors?: ChangeProblem[];
      warnings?: ChangeProblem[];
      conflicts?: readonly MergeConflict[];
    } = {},
  ) {
    this.add = parts.add ?? [];
    this.update = parts.update ?? [];
    this.delete = parts.delete ?? [];
    this.errors = parts.errors ?? [];
    this.warnings = parts.warnings ?? [];
    this.conflicts = parts.conflicts ?? [];
  }

  /** Whether there is nothing to add, update or delete. */
  get inSync(): boolean {
    return this.total === 0;
  }

  /** How many files are added, updated or deleted. */
  get total(): number {
    return this.add.length + this.update.length + this.delete.length;
  }

  /** All changes in one list, sorted by the bytes of their paths. */
  actions(): ChangeAction[] {
    const actions: ChangeAction[] = [];
    for (const entry of this.add) actions.push({ action: 'add', ...entry });
    for (const entry of this.update) actions.push({ action: 'update', ...entry });
    for (const entry of this.delete) actions.push({ action: 'delete', ...entry });
    return actions.sort((a, b) => comparePaths(a.path, b.path));
  }
}

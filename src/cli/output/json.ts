/**
 * What commands print with `--format json`: the records and their keys, each spelled in one way
 * (docs/json.md, docs/json.schema.json). Every key of a record is always there, null where there is nothing.
 */
import type { MergeConflict } from '../../errors.ts';
import type { RefChange } from '../../remote/mirrorDiff.ts';
import type { StorageSize } from '../../storage/storageUpkeep.ts';
import type { FS } from '../../store/fs.ts';
import { ChangeReport, type FileEntry } from '../../tree/changes.ts';
import type { FileType } from '../../tree/types.ts';
import { isoTime } from './dates.ts';
import type { OutputFormat } from './listing.ts';
import { printLine } from './output.ts';

/** Prints one record, in a line; `text` says it in words. */
export async function printRecord(
  format: OutputFormat,
  text: string | undefined,
  value: () => unknown,
): Promise<void> {
  if (format !== 'text') await printLine(JSON.stringify(value()));
  else if (text !== undefined) await printLine(text);
}

export function commitRecord(commit: FS, branch: string | null) {
  const { timezoneOffset: zone, authorTimezoneOffset: authorZone } = commit;
  return {
    hash: commit.commitHash,
    message: commit.message,
    time: isoTime(commit.time, zone),
    author_name: commit.authorName,
    author_email: commit.authorEmail,
    author_time: isoTime(commit.authorTime, authorZone),
    committer_name: commit.committerName,
    committer_email: commit.committerEmail,
    parents: commit.parentHashes,
    branch,
  };
}

/** A difference, by the letter that the text form has for it. */
export const CHANGES = { A: 'add', M: 'update', D: 'delete' } as const;

/** One name to be listed, and what is there. */
export interface Row {
  readonly fs: FS;
  /** As it is shown. */
  readonly name: string;
  /** In the snapshot. */
  readonly path: string;
  readonly hash: string;
  readonly type: FileType;
}

/** A row with its size. */
export interface EntryRecord extends Omit<Row, 'fs'> {
  /** In bytes; null for a directory. */
  readonly size: number | null;
  /** Where a link points to; null for anything else. */
  readonly target: string | null;
}

export async function entryRecord({ fs, name, path, hash, type }: Row): Promise<EntryRecord> {
  const target = type === 'link' ? await fs.readlink(path) : null;
  const size = type === 'tree' ? null : await fs.size(path);
  return { name, path, hash, size, type, target };
}

/** What changes, or has changed: of files. */
export function changesRecord({ add, update, delete: gone }: ChangeReport) {
  const of = ({ path, type }: FileEntry) => ({ path, type });
  return { add: add.map(of), update: update.map(of), delete: gone.map(of) };
}

/** The same with what was not done. */
export function reportRecord(report: ChangeReport) {
  const { errors, warnings } = report;
  return { ...changesRecord(report), errors, warnings };
}

/** What a command has committed, or would. */
export function madeRecord({ commitHash, changes }: FS, dryRun = false) {
  return { hash: dryRun ? null : commitHash, ...reportRecord(changes ?? new ChangeReport()) };
}

/** The same of a merge, with what both sides have changed. */
export function mergeRecord(fs: FS, dryRun = false) {
  const conflicts = fs.changes?.conflicts ?? [];
  return { ...madeRecord(fs, dryRun), conflicts: conflicts.map(conflictRecord) };
}

/** A merge that conflicts have kept from being made. */
export function conflictsRecord(conflicts: readonly MergeConflict[]) {
  const nothing = reportRecord(new ChangeReport());
  return { hash: null, ...nothing, conflicts: conflicts.map(conflictRecord) };
}

function conflictRecord({ path, kind }: MergeConflict) {
  return { path, kind };
}

/** What changes of refs. */
export function refChangesRecord(changes: {
  readonly add: readonly RefChange[];
  readonly update: readonly RefChange[];
  readonly delete: readonly RefChange[];
}) {
  const of = ({ ref, oldTarget, newTarget }: RefChange) => ({
    ref,
    old_hash: oldTarget ?? null,
    new_hash: newTarget ?? null,
  });
  return {
    add: changes.add.map(of),
    update: changes.update.map(of),
    delete: changes.delete.map(of),
  };
}

export function objectRecord(
  hash: string,
  type: 'commit' | 'tree' | 'blob',
  path: string | null = null,
) {
  return { hash, type, path };
}

/** How large a repository is. */
export function storageRecord({ objects, looseObjects, packs, bytes }: StorageSize) {
  return { objects, loose_objects: looseObjects, packs, bytes };
}

export function faultRecord({ subject, problem }: { subject: string; problem: string }) {
  return { subject, problem };
}

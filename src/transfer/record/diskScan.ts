/**
 * Looking at a local directory beside its stat record (statRecord.ts). A *scan* is one look at a
 * directory and what is below it, as far as it is asked for (scannedDirectory.ts). It begins with the
 * record that the last one left, and leaves one for the next.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ObjectId } from '../../git/objectId.ts';
import { encodePath } from '../../git/pathBytes.ts';
import type { FileMode } from '../../git/tree.ts';
import { absolutePath, realpathSync } from '../../storage/disk/fs.ts';
import type { Memos } from '../../storage/storage.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { type Anchors, anchorAt } from '../disk/anchors.ts';
import { toDisk } from '../disk/diskFiles.ts';
import { DeviceClocks, deviceOfTrust } from '../disk/fileTimes.ts';
import type { KnownEntry } from '../plan/storePlaces.ts';
import type { CopyRun } from '../rules/run.ts';
import { RecordComparison } from './recordComparison.ts';
import { serializeRecord } from './recordWriter.ts';
import { ScannedDirectory } from './scannedDirectory.ts';
import { StatRecord } from './statRecord.ts';

/** The rules of a scan that takes all files as they are. */
const PLAIN_RULES = '0'.repeat(40);

export interface ScanOptions {
  /** Where the record is kept; undefined: there is none. */
  readonly memos: Memos | undefined;
  /** The trees of the store. */
  readonly trees?: TreeReader | undefined;
  /** What the directory is copied to or from, so that each pair has its record. */
  readonly counterpart: string;
  /** Look at what links point to instead of the links. */
  readonly follow?: boolean | undefined;
  /** The mode that all files get instead of their own. */
  readonly fileMode?: FileMode | undefined;
  /** Take nothing for known, as if there were no record yet. */
  readonly ignoreRecord?: boolean | undefined;
  /** Stands for everything, besides the files, that the trees of the directories depend on. */
  readonly rules?: string | undefined;
  /** Whether a path below the directory is left out of its tree. */
  readonly isExcluded?: ((path: string, isDirectory: boolean) => boolean) | undefined;
  /** .gitignore files are a part of the rules: one that has changed may change any tree below. */
  readonly readsGitignore?: boolean | undefined;
  /** An empty directory is a difference from its tree, which cannot hold one. */
  readonly countsEmpty?: boolean | undefined;
}

export class DiskScan {
  readonly root: ScannedDirectory;
  readonly run: CopyRun;
  readonly options: ScanOptions;
  /** Of the directory; undefined where links are followed. */
  readonly anchors: Anchors | undefined;
  readonly record: StatRecord | undefined;
  /** Of the disk with the record; undefined where its trees were found by other rules. */
  readonly comparison: RecordComparison | undefined;
  /** When it began, before anything was looked at. Milliseconds since the epoch. */
  readonly started = Date.now();
  /** The device on which a directory's times tell whether its names have changed. */
  readonly trustedDevice: number | undefined;
  /** What is known of the clocks of the devices that were written to. */
  readonly clocks = new DeviceClocks();
  /** Something is not as the record has it. */
  changed = false;
  /** Directories by the trees that they were when they were recorded. */
  readonly #recorded = new Map<ObjectId, ScannedDirectory>();
  /** 40 hex digits. */
  readonly #rules: string;
  readonly #memo: string;
  /** The bytes of the next record. */
  #next: Uint8Array | undefined;

  /** @param path the directory, which need not exist yet */
  constructor(path: string, run: CopyRun, options: ScanOptions) {
    this.run = run;
    this.options = options;
    this.anchors = options.follow ? undefined : anchorAt(fs, toDisk(path));
    this.#rules = options.rules === undefined ? PLAIN_RULES : sha1(options.rules);
    const { memos, counterpart, ignoreRecord, follow, countsEmpty } = options;
    this.#memo = memos ? `stat-${sha1(`${canonicalPath(path)}\0${counterpart}`)}` : '';
    const content = ignoreRecord ? undefined : memos?.read(this.#memo);
    this.record = content && StatRecord.parse(content);
    const trustedDevice = memos && deviceOfTrust(path);
    this.trustedDevice = trustedDevice;
    if (this.record?.rules !== this.#rules) this.changed = true;
    else {
      this.comparison = new RecordComparison(this.record, run, {
        follow,
        trustedDevice,
        countsEmpty,
      });
    }
    this.root = new ScannedDirectory(this, undefined, '', path, this.record && 0);
  }

  /** A directory was that tree when it was recorded, and has changed since. */
  wasRecorded(tree: ObjectId, directory: ScannedDirectory): void {
    this.#recorded.set(tree, directory);
  }

  /** What the record has under a name of a tree. */
  readonly recordedEntry: KnownEntry = (tree, name) =>
    this.#recorded.get(tree)?.recordedEntry(name);

  /**
   * Puts the next record together where anything has changed, so that `save` has only to write it.
   * Nothing is to be found out afterwards.
   */
  prepare(): void {
    if (this.options.memos === undefined || !this.changed) return;
    const root = this.root.toRecord(Date.now());
    if (root !== undefined) this.#next ??= serializeRecord(root, this.#rules);
  }

  /** Nothing is looked at any more. */
  close(): void {
    this.anchors?.close();
  }

  /** Writes the record anew where it has changed. Its blobs must be in the store by now. */
  save(): void {
    if (this.#next === undefined) this.prepare();
    if (this.#next !== undefined) this.options.memos?.replace(this.#memo, this.#next);
  }
}

/** The path without links, also when its last parts do not exist. */
function canonicalPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const absolute = absolutePath(path);
    const above = dirname(absolute);
    return above === absolute ? absolute : `${canonicalPath(above)}/${basename(absolute)}`;
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(encodePath(text)).digest('hex');
}

/**
 * Reads a local directory with the help of its stat record (statRecord.ts). A *scan* looks once at a
 * directory and everything below it that is requested (scannedDirectory.ts). It starts from the record
 * of the last scan, and leaves one for the next.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ObjectId } from '../../git/objectId.ts';
import { encodePath } from '../../git/pathBytes.ts';
import { absolutePath, realpathSync } from '../../storage/disk/fs.ts';
import { type Anchors, anchorAt } from '../disk/anchors.ts';
import { toDisk } from '../disk/diskFiles.ts';
import { DeviceClocks, deviceOfTrust } from '../disk/fileTimes.ts';
import type { KnownEntry } from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';
import { RecordComparison } from './recordComparison.ts';
import { serializeRecord } from './recordWriter.ts';
import { ScannedDirectory } from './scannedDirectory.ts';
import type { RecordedEntries, ScanOptions, ScanState } from './scanState.ts';
import { StatRecord } from './statRecord.ts';

/** The rules of a scan that takes all files unchanged. */
const PLAIN_RULES = '0'.repeat(40);

export class DiskScan implements ScanState {
  readonly root: ScannedDirectory;
  readonly run: CopyRun;
  readonly options: ScanOptions;
  /** Anchors of the directory; undefined where links are followed. */
  readonly anchors: Anchors | undefined;
  readonly record: StatRecord | undefined;
  /** Comparison of the disk with the record; undefined when the record's trees follow other rules. */
  readonly comparison: RecordComparison | undefined;
  /** Start of the scan, before any look at the disk. Milliseconds since the epoch. */
  readonly started = Date.now();
  /** The device on which a directory's times show whether its names have changed. */
  readonly trustedDevice: number | undefined;
  /** The clocks of the devices written to. */
  readonly clocks = new DeviceClocks();
  /** Something differs from the record. */
  changed = false;
  /** Directories by their recorded trees. */
  readonly #recorded = new Map<ObjectId, RecordedEntries>();
  /** 40 hex digits. */
  readonly #rules: string;
  readonly #memo: string;
  /** The bytes of the next record. */
  #next: Buffer | undefined;

  /** @param path the directory, which need not exist */
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

  /** Records that a directory had that tree when it was recorded, and has changed since. */
  wasRecorded(tree: ObjectId, directory: RecordedEntries): void {
    this.#recorded.set(tree, directory);
  }

  /** The record's entry under a name of a tree. */
  readonly recordedEntry: KnownEntry = (tree, name) =>
    this.#recorded.get(tree)?.recordedEntry(name);

  /**
   * Builds the next record when anything has changed, so that `save` only has to write it. No findings may
   * be added afterwards.
   */
  prepare(): void {
    if (this.options.memos === undefined || !this.changed) return;
    const root = this.root.toRecord(Date.now());
    if (root !== undefined) this.#next ??= serializeRecord(root, this.#rules);
  }

  /** Ends the scan: no more looks at the disk. */
  close(): void {
    this.anchors?.close();
  }

  /** Writes the record if it has changed. Its blobs must be in the store by now. */
  save(): void {
    if (this.#next === undefined) this.prepare();
    if (this.#next === undefined) return;
    this.options.memos?.replace(this.#memo, this.#next);
    StatRecord.keep(this.#next);
  }
}

/** The path with links resolved. Its last parts need not exist. */
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

/**
 * The packs of a store on this machine, and new packs made from them: `diskShelf.ts`, and for proofs one in
 * memory. The key of a pack in the bucket holds the pack and, after it, its index.
 */
import { CorruptObjectError, GitStoreError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import type { GitObject } from '../../storage.ts';
import type { UpkeepOptions } from '../../storageUpkeep.ts';
import type { Head, PackEntry, RecentObject } from '../head/headRecord.ts';

export interface LinkedObject extends GitObject {
  readonly id: ObjectId;
}

/** A new pack on this machine that no head lists yet. */
export interface StagedPack {
  readonly count: number;
  /** Bytes of the pack. */
  readonly size: number;
  /** Bytes of the index, which follows it. */
  readonly index: number;
  /** Bytes of both. */
  read(start: number, end: number): Promise<Uint8Array>;
  holds(id: ObjectId): boolean;
  /** Its commits, trees and tags, which lead to other objects. */
  links(): AsyncIterable<LinkedObject>;
  /** Makes it available by its entry. Its bytes stay readable until `release`. */
  keep(entry: PackEntry): void;
  release(): void;
  /** Removes it, unless it was kept. */
  discard(): void;
}

export interface RepackJob extends UpkeepOptions {
  readonly packs: readonly PackEntry[];
  readonly recent: readonly RecentObject[];
  /** Ids, with the name of what refers to each. All objects that they lead to must exist. */
  readonly firm: ReadonlyMap<ObjectId, string>;
  /** Ids. Keeps the objects that they lead to, if they exist. */
  readonly loose: ReadonlySet<ObjectId>;
  /** Whether to keep the unreachable objects of a pack; `undefined`: those of the recent objects. */
  readonly isYoung: (pack: PackEntry | undefined) => boolean;
}

export interface Repacked {
  /** A pack that stays unchanged, because it has exactly the reachable objects. */
  readonly kept: PackEntry | undefined;
  /** The reachable objects; undefined if there are none, or `kept` has them. */
  readonly main: StagedPack | undefined;
  /** The young unreachable objects, with all that they lead to. */
  readonly cruft: StagedPack | undefined;
  /** Objects in neither. */
  readonly lost: ReadonlySet<ObjectId>;
}

export interface Shelf {
  /** @throws PackGoneError, as all methods that read a pack */
  has(pack: PackEntry, id: ObjectId): Promise<boolean>;
  /** Checked against its id. @throws CorruptObjectError */
  read(pack: PackEntry, id: ObjectId): Promise<GitObject | undefined>;
  links(pack: PackEntry): AsyncIterable<LinkedObject>;
  stage(objects: readonly RecentObject[]): Promise<StagedPack>;
  /** Makes new packs of all objects of some packs. @throws CorruptObjectError when one is missing */
  repack(job: RepackJob): Promise<Repacked>;
  /** Makes one pack of all objects of these. */
  merge(packs: readonly PackEntry[], options: UpkeepOptions): Promise<StagedPack>;
}

/**
 * A pack cannot be read. A sweep has deleted its key, and its objects are in another one, or collected; or it
 * is lost, where the newest head lists it (`lostPack`).
 */
export class PackGoneError extends GitStoreError {
  readonly key: string;
  /** Only the local copy was closed. */
  readonly isLocal: boolean;

  constructor(key: string, isLocal = false) {
    super(`The pack ${key} is gone from the bucket`, 'EEXPIRED');
    this.key = key;
    this.isLocal = isLocal;
  }
}

/**
 * The error for a pack that is gone although a head that was read later lists it; undefined for another. No
 * sweep deletes what the newest head lists.
 */
export function lostPack(
  { packs }: Head,
  { key, isLocal }: PackGoneError,
): CorruptObjectError | undefined {
  if (isLocal || !packs.some((pack) => pack.key === key)) return undefined;
  return new CorruptObjectError(
    `The pack ${key} is missing from the bucket: gitstore verify tells what is lost; a backup may have it`,
  );
}

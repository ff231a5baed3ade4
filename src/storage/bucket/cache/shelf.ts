/**
 * What a machine has of the packs of a store, and makes of them: `diskShelf.ts`, and for proofs one in
 * memory. A pack lies in the bucket with its index behind it.
 */
import { GitStoreError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import type { GitObject } from '../../storage.ts';
import type { UpkeepOptions } from '../../storageUpkeep.ts';
import type { PackEntry, RecentObject } from '../head/headRecord.ts';

export interface LinkedObject extends GitObject {
  readonly id: ObjectId;
}

/** A pack that has been made here and that no head lists yet. */
export interface StagedPack {
  readonly count: number;
  /** Bytes of the pack. */
  readonly size: number;
  /** Bytes of the index, which comes behind it. */
  readonly index: number;
  /** Bytes of both. */
  read(start: number, end: number): Promise<Uint8Array>;
  holds(id: ObjectId): boolean;
  /** Its commits, trees and tags: what leads to other objects. */
  links(): AsyncIterable<LinkedObject>;
  /** From now on it is known by its entry; its bytes stay at hand until `release`. */
  keep(entry: PackEntry): void;
  release(): void;
  /** Drops what was not kept. */
  discard(): void;
}

export interface RepackJob extends UpkeepOptions {
  readonly packs: readonly PackEntry[];
  readonly recent: readonly RecentObject[];
  /** Id → what names it. All that these lead to must be there. */
  readonly firm: ReadonlyMap<ObjectId, string>;
  /** What these lead to is kept if it is there. */
  readonly loose: ReadonlySet<ObjectId>;
  /** Whether what is unreachable in a pack (`undefined`: among the recent objects) is kept. */
  readonly isYoung: (pack: PackEntry | undefined) => boolean;
}

export interface Repacked {
  /** A pack that stays as it is: it holds just what is reachable. */
  readonly kept: PackEntry | undefined;
  /** Of what is reachable; undefined where that is nothing, or lies in `kept`. */
  readonly main: StagedPack | undefined;
  /** Of what is unreachable and young, with all it leads to. */
  readonly cruft: StagedPack | undefined;
  /** What is in neither. */
  readonly lost: ReadonlySet<ObjectId>;
}

export interface Shelf {
  /** @throws PackGoneError as all that look into a pack */
  has(pack: PackEntry, id: ObjectId): Promise<boolean>;
  /** Checked against its id. @throws CorruptObjectError */
  read(pack: PackEntry, id: ObjectId): Promise<GitObject | undefined>;
  links(pack: PackEntry): AsyncIterable<LinkedObject>;
  stage(objects: readonly RecentObject[]): Promise<StagedPack>;
  /** Sorts out all objects of some packs. @throws CorruptObjectError where something is missing */
  repack(job: RepackJob): Promise<Repacked>;
  /** One pack of all that these hold. */
  merge(packs: readonly PackEntry[], options: UpkeepOptions): Promise<StagedPack>;
}

/** The key of a pack is gone: a sweep has deleted it. What it held is elsewhere, or collected. */
export class PackGoneError extends GitStoreError {
  readonly key: string;

  constructor(key: string) {
    super(`The pack ${key} is gone from the bucket`, 'EEXPIRED');
    this.key = key;
  }
}

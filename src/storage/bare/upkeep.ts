/**
 * Work on a whole bare repository. The code is loaded on demand, because reading and writing files need
 * none of it.
 */

import { join } from 'node:path';
import type { ObjectId } from '../../git/objectId.ts';
import { readdirSync, statSync } from '../disk/fs.ts';
import { checkOwner } from '../disk/ownership.ts';
import type {
  CheckResult,
  CollectionOptions,
  CollectionResult,
  StorageSize,
  StorageUpkeep,
  UpkeepOptions,
} from '../storageUpkeep.ts';
import type { UpkeepPlace } from './inventory/upkeepPlace.ts';
import type { BareObjects } from './objects/objects.ts';
import { readUpkeepConfig } from './repack/upkeepConfig.ts';

/** As Git does, sample one of the 256 directories of loose objects to estimate their number. */
const SAMPLED_FAN_OUT = '17';
const FAN_OUTS = 256;
const DAY = 24 * 3600 * 1000;

export class BareUpkeep implements StorageUpkeep {
  readonly #place: UpkeepPlace;
  readonly #objects: BareObjects;

  constructor(place: UpkeepPlace, objects: BareObjects) {
    this.#place = place;
    this.#objects = objects;
  }

  async size(): Promise<StorageSize> {
    const { measureObjects } = await import('./inventory/size.ts');
    return measureObjects(join(this.#place.gitDir, 'objects'));
  }

  async bytesOf(ids: Iterable<ObjectId>): Promise<number> {
    return this.#objects.storedBytes(ids);
  }

  async pack(options: UpkeepOptions = {}): Promise<void> {
    checkOwner(this.#place.gitDir);
    const { packRepository } = await import('./repack/work.ts');
    await packRepository(this.#place, options);
  }

  async collect(options: CollectionOptions = {}): Promise<CollectionResult> {
    checkOwner(this.#place.gitDir);
    const { collectRepository } = await import('./repack/work.ts');
    return collectRepository(this.#place, options);
  }

  async check(options: UpkeepOptions = {}): Promise<CheckResult> {
    const { checkRepository } = await import('./check/work.ts');
    return checkRepository(this.#place, options);
  }

  isCrowded(): boolean {
    const objectsDir = join(this.#place.gitDir, 'objects');
    const { auto, autoPackLimit } = readUpkeepConfig(this.#place.gitDir);
    if (auto === 0 || hasFailedLately(this.#place.gitDir)) return false;
    const sample = namesIn(join(objectsDir, SAMPLED_FAN_OUT)).filter((name) =>
      /^[0-9a-f]{38}$/.test(name),
    );
    if (sample.length * FAN_OUTS > auto) return true;
    if (autoPackLimit === 0) return false;
    const names = namesIn(join(objectsDir, 'pack'));
    const packs = names.filter((name) => name.endsWith('.pack'));
    if (packs.length <= autoPackLimit) return false;
    const kept = names.filter((name) => /\.(keep|promisor)$/.test(name));
    return packs.length - kept.length > autoPackLimit;
  }
}

/** Whether an automatic collection, ours or Git's, has failed within the last day (`gc.log`). */
function hasFailedLately(gitDir: string): boolean {
  const log = statSync(join(gitDir, 'gc.log'), { throwIfNoEntry: false });
  return log !== undefined && log.size > 0 && Date.now() - log.mtimeMs < DAY;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

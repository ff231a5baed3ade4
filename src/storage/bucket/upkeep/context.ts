/** The parts of a store in a bucket that its upkeep uses. */
import type { RefStore } from '../../storage.ts';
import type { DiskShelf } from '../cache/diskShelf.ts';
import type { Contents } from '../commit/contents.ts';
import type { Engine } from '../engine/engine.ts';
import type { HeadKeeper } from '../head/headKeeper.ts';
import type { LogReader } from '../head/logReader.ts';
import type { Rules } from '../head/rules.ts';
import type { BucketObjects } from '../objects/bucketObjects.ts';

export interface CollectContext {
  readonly engine: Engine;
  readonly keeper: HeadKeeper;
  readonly contents: Contents;
  readonly logs: LogReader;
  readonly rules?: Rules | undefined;
}

export interface UpkeepContext extends CollectContext {
  readonly refs: RefStore;
  readonly objects: Pick<BucketObjects, 'storedBytes'>;
  readonly shelf: DiskShelf;
  /** Milliseconds between two sweeps; default: a day. */
  readonly sweepInterval?: number | undefined;
}

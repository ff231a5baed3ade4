/**
 * Removes a store from a bucket, and no other keys. `head` goes first: then a writer's next change fails,
 * and no reader sees half a store. The record `store` goes last, so that an interrupted removal can be
 * repeated, and no other store is created among the keys of this one.
 */

import { STORE_KEY } from './bucketStorage.ts';
import type { Bucket } from './engine/bucket.ts';
import { Engine } from './engine/engine.ts';
import { realEnvironment } from './engine/environment.ts';
import { PROBE_FOLDER } from './engine/probe.ts';
import { HEAD_KEY } from './head/headKeeper.ts';
import { KEY_FOLDERS } from './upkeep/sweep.ts';

/** @throws UnreachableError; RemoteError when it is refused */
export async function destroyBucketStore(bucket: Bucket, deadline?: number): Promise<void> {
  const engine = new Engine(bucket, realEnvironment, deadline);
  await engine.remove([HEAD_KEY]);
  for (const folder of [...KEY_FOLDERS, PROBE_FOLDER]) {
    const keys: string[] = [];
    for await (const page of engine.list(folder)) for (const { key } of page) keys.push(key);
    await engine.remove(keys);
  }
  await engine.remove([STORE_KEY]);
}

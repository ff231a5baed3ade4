/**
 * Removes a store from a bucket, and no other keys. `head` goes first: then a writer's next change fails,
 * and no reader sees half a store. The record `store` goes last, so that an interrupted removal can be
 * repeated, and no other store is created among the keys of this one.
 */
import type { Bucket } from './bucket.ts';
import { STORE_KEY } from './bucketStorage.ts';
import { Engine } from './engine.ts';
import { realEnvironment } from './environment.ts';
import { HEAD_KEY } from './headKeeper.ts';
import { PROBE_FOLDER } from './probe.ts';
import { KEY_FOLDERS } from './sweep.ts';

/** @throws UnreachableError; RemoteError when it is refused */
export async function destroyBucketStore(bucket: Bucket): Promise<void> {
  const engine = new Engine(bucket, realEnvironment);
  await engine.remove([HEAD_KEY]);
  for (const folder of [...KEY_FOLDERS, PROBE_FOLDER]) {
    const keys: string[] = [];
    for await (const page of engine.list(folder)) keys.push(...page.map(({ key }) => key));
    await engine.remove(keys);
  }
  await engine.remove([STORE_KEY]);
}

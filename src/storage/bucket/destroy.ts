/**
 * Removing a store from a bucket, and nothing else that lies there. `head` goes first: a writer's next
 * change fails then, and nothing is read half. The record `store` goes last, so that a removal that was
 * killed can be repeated, and no other store is made in between the keys of this one.
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

/** The places where a store can be kept, for tests that hold for all of them. */
import { join } from 'node:path';
import { createBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createBucketStorage } from '../../src/storage/bucket/bucketStorage.ts';
import { MemoryBucket } from '../../src/storage/bucket/engine/memoryBucket.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import type { ReflogMessage, Storage } from '../../src/storage/storage.ts';
import { scratchFolder } from '../helpers/scratch.ts';

export interface Place {
  readonly name: string;
  /** A new empty store whose HEAD names `main`. */
  create(): Promise<Storage>;
}

export const places: readonly Place[] = [
  { name: 'memory', create: async () => createMemoryStorage() },
  { name: 'bare repository, fast', create: () => createBare('fast') },
  { name: 'bare repository, full', create: () => createBare('full') },
  { name: 'bucket', create: () => createBucket() },
];

export function createBare(durability: 'fast' | 'full'): Promise<Storage> {
  return createBareStorage(join(scratchFolder(), 'store.git'), { durability });
}

/** A new store in a bucket in memory, with a cache of its own. */
export function createBucket(bucket = new MemoryBucket()): Promise<Storage> {
  return createBucketStorage(bucket, { cache: { folder: scratchFolder() } });
}

/** An object id that no object has: refs may name any. */
export function someId(n: number): string {
  return n.toString(16).padStart(40, '0');
}

/** A reflog message whose time tells it from others. */
export function saying(message: string, time = 1_700_000_000): ReflogMessage {
  return { who: { name: 'A U Thor', email: 'author@example.com', time, offset: 90 }, message };
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

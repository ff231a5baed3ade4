/**
 * Where a store is, by its location: a directory on this disk, or `s3://BUCKET/PREFIX`. What object storage
 * needs is loaded only for such an address.
 */
import { basename } from 'node:path';
import { type BareStorageOptions, createBareStorage, openBareStorage } from './bare/bareStorage.ts';
import type { CreateOptions } from './bare/create.ts';
import type { BucketPlaceOptions } from './bucket/place.ts';
import type { Storage } from './storage.ts';

export type PlaceOptions = BareStorageOptions & BucketPlaceOptions;

/** Whether a location means object storage. One that begins with `s3:` and is none is refused later. */
export function isBucketAddress(location: string): boolean {
  return /^s3:/i.test(location);
}

/** The last part of a location: what a person calls the store. */
export function nameOfPlace(location: string): string {
  return basename(isBucketAddress(location) ? location.replace(/\?.*$/s, '') : location);
}

/** @throws FileNotFoundError when there is no store */
export async function openStorage(location: string, options: PlaceOptions = {}): Promise<Storage> {
  if (!isBucketAddress(location)) return openBareStorage(location, options);
  const { openBucketPlace } = await import('./bucket/place.ts');
  return openBucketPlace(location, options);
}

/** Opens the store, or makes one where there is none. */
export async function createStorage(
  location: string,
  options: PlaceOptions & CreateOptions = {},
): Promise<Storage> {
  if (!isBucketAddress(location)) return createBareStorage(location, options);
  const { createBucketPlace } = await import('./bucket/place.ts');
  return createBucketPlace(location, options);
}

/**
 * Opens storages by location: a directory on this disk, or `s3://BUCKET/PREFIX`. Loads the code for object
 * storage only for such an address.
 */
import { basename } from 'node:path';
import { type BareStorageOptions, createBareStorage, openBareStorage } from './bare/bareStorage.ts';
import type { CreateOptions } from './bare/create.ts';
import type { BucketPlaceOptions } from './bucket/place.ts';
import type { Storage } from './storage.ts';

export type PlaceOptions = BareStorageOptions & BucketPlaceOptions;

/** Whether a location means object storage. A malformed `s3:` address is refused later. */
export function isBucketAddress(location: string): boolean {
  return /^s3:/i.test(location);
}

/** The last part of a location, as the store's display name. */
export function nameOfPlace(location: string): string {
  return basename(isBucketAddress(location) ? location.replace(/\?.*$/s, '') : location);
}

/** @throws FileNotFoundError when the store is missing */
export async function openStorage(location: string, options: PlaceOptions = {}): Promise<Storage> {
  if (!isBucketAddress(location)) return openBareStorage(location, options);
  const { openBucketPlace } = await import('./bucket/place.ts');
  return openBucketPlace(location, options);
}

/** Opens the store, or creates a missing one. */
export async function createStorage(
  location: string,
  options: PlaceOptions & CreateOptions = {},
): Promise<Storage> {
  if (!isBucketAddress(location)) return createBareStorage(location, options);
  const { createBucketPlace } = await import('./bucket/place.ts');
  return createBucketPlace(location, options);
}

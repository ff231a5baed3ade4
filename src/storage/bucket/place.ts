/** Opens and makes stores at `s3://` addresses. Tests the engine before it makes one. */
import { FileNotFoundError } from '../../errors.ts';
import type { Storage } from '../storage.ts';
import {
  type BucketStorageOptions,
  type CreateBucketOptions,
  createBucketStorage,
  openBucketStorage,
} from './bucketStorage.ts';
import type { Diagnosis, DoctorOptions } from './doctor/doctor.ts';
import type { BucketRequest } from './engine/bucket.ts';
import { probe, requireSound } from './engine/probe.ts';
import { NoHeadError } from './head/headKeeper.ts';
import { parseS3Address } from './s3/s3Address.ts';
import { openS3Bucket, type S3Bucket } from './s3/s3Bucket.ts';

export interface BucketPlaceOptions
  extends Pick<BucketStorageOptions, 'compression' | 'cache' | 'deadline' | 'maxAge' | 'now'> {
  /** Is told of every request to the object storage when it is over. */
  readonly onRequest?: ((request: BucketRequest) => void) | undefined;
}

export interface CreateBucketPlaceOptions
  extends BucketPlaceOptions,
    Pick<CreateBucketOptions, 'branch'> {
  /** Called with the address when there was no store and one has been made. */
  readonly onCreate?: ((location: string) => void) | undefined;
}

/**
 * @throws FileNotFoundError when there is no store; RemoteError when the object storage refuses;
 *   GitStoreError (`EINVAL`) for an address that is none
 */
export async function openBucketPlace(
  location: string,
  options: BucketPlaceOptions = {},
): Promise<Storage> {
  return withBucket(location, options, (bucket) => openBucketStorage(bucket, options));
}

/** @throws GitStoreError (`EENGINE`) when the object storage lets two writers win; as `openBucketPlace` */
export async function createBucketPlace(
  location: string,
  { onCreate, ...options }: CreateBucketPlaceOptions = {},
): Promise<Storage> {
  return withBucket(location, options, async (bucket) => {
    try {
      return await openBucketStorage(bucket, options);
    } catch (error) {
      // Without a head it may be a store whose maker has died.
      if (!(error instanceof FileNotFoundError) && !isHeadless(error)) throw error;
    }
    requireSound(bucket, await probe(bucket, { deadline: options.deadline }));
    return await createBucketStorage(bucket, {
      ...options,
      probe: { date: new Date(options.now?.() ?? Date.now()).toISOString(), tags: bucket.tagForm },
      onCreate: () => onCreate?.(bucket.location),
    });
  });
}

/** Without a storage the connections are of no use. */
async function withBucket(
  location: string,
  { onRequest }: BucketPlaceOptions,
  open: (bucket: S3Bucket) => Promise<Storage>,
): Promise<Storage> {
  const bucket = await openS3Bucket(parseS3Address(location), { onRequest });
  try {
    return await open(bucket);
  } catch (error) {
    await bucket.close();
    throw error;
  }
}

/** Tries the engine behind an address and checks the store there. */
export async function examineBucketPlace(
  location: string,
  { onRequest, ...options }: DoctorOptions & Pick<BucketPlaceOptions, 'onRequest'> = {},
): Promise<Diagnosis> {
  const { examine } = await import('./doctor/doctor.ts');
  const bucket = await openS3Bucket(parseS3Address(location), { onRequest });
  try {
    return await examine(bucket, options);
  } finally {
    await bucket.close();
  }
}

/** Whether a store could not be opened because its head is missing, as after a removal that was interrupted. */
export function isHeadless(error: unknown): boolean {
  return error instanceof NoHeadError;
}

/** @param location where a store is, possibly without a head */
export async function destroyBucketPlace(location: string): Promise<void> {
  const { destroyBucketStore } = await import('./destroy.ts');
  const bucket = await openS3Bucket(parseS3Address(location));
  try {
    await destroyBucketStore(bucket);
  } finally {
    await bucket.close();
  }
}

/**
 * Object filters of partial clones (git-rev-list(1), `--filter`): reachable blobs and trees to omit.
 * Objects requested by id are never omitted.
 */

import { GitStoreError } from '../errors.ts';
import { type IdSet, ObjectSet } from '../git/objectSet.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { ObjectReader } from '../storage/storage.ts';

export interface ObjectFilter {
  /** Omit blobs of this many bytes or more; 0 for all blobs. */
  readonly blobLimit?: number;
  /** Omit trees and blobs at this depth or deeper. The root tree is at 0. */
  readonly treeDepth?: number;
}

const UNITS: Record<string, number> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/**
 * Reads `blob:none`, `blob:limit=<n>[kmg]`, `tree:<depth>` or `combine:<filter>+<filter>…`.
 * @throws GitStoreError (`EINVAL`) for any other
 */
export function parseObjectFilter(text: string): ObjectFilter {
  if (text === 'blob:none') return { blobLimit: 0 };
  const limit = /^blob:limit=(\d{1,15})([kmg]?)$/i.exec(text);
  if (limit !== null) {
    return { blobLimit: Number(limit[1]) * (UNITS[(limit[2] as string).toLowerCase()] as number) };
  }
  const depth = /^tree:(\d{1,9})$/.exec(text);
  if (depth !== null) return { treeDepth: Number(depth[1]) };
  if (text.startsWith('combine:')) return combine(text);
  throw unknown(text);
}

/** The intersection of several filters. */
function combine(text: string): ObjectFilter {
  let combined: ObjectFilter = {};
  for (const part of text.slice('combine:'.length).split('+')) {
    const { blobLimit, treeDepth } = parseObjectFilter(decoded(part, text));
    combined = {
      ...combined,
      ...(blobLimit !== undefined && {
        blobLimit: Math.min(blobLimit, combined.blobLimit ?? blobLimit),
      }),
      ...(treeDepth !== undefined && {
        treeDepth: Math.min(treeDepth, combined.treeDepth ?? treeDepth),
      }),
    };
  }
  return combined;
}

function decoded(part: string, text: string): string {
  // A nested `combine:` is useless, and could recurse without limit.
  if (part.startsWith('combine:')) throw unknown(text);
  try {
    return decodeURIComponent(part);
  } catch {
    throw unknown(text);
  }
}

function unknown(text: string): GitStoreError {
  return new GitStoreError(`Object filter is not known: ${text}`, 'EINVAL');
}

/**
 * The set without blobs of `limit` bytes or more; `wanted` ones stay.
 * @throws CorruptObjectError when a blob is missing
 */
export async function dropLargeBlobs(
  store: ObjectReader,
  objects: ObjectSet,
  limit: number,
  wanted: IdSet,
): Promise<ObjectSet> {
  const kept = new ObjectSet();
  for (let position = 0; position < objects.count; position++) {
    const type = objects.typeAt(position);
    const id = objects.idAt(position);
    if (type === 'blob' && !wanted.has(id)) {
      const header = await store.header(id);
      if (header === undefined) throw missingObject(store, id);
      if (header.size >= limit) continue;
    }
    kept.addObject(id, type, objects.nameHashAt(position));
  }
  return kept;
}

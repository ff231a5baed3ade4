/**
 * Finds the objects reachable from *wants* and not from *haves*. Fetches, bundles, backups, packing and
 * collecting use it.
 *
 * Without haves the walk visits every object once and needs no order: the set of what was found is
 * the queue too. With haves the commits come first (commitRange.ts); then only directories in which
 * something is new are opened (newObjects.ts).
 */

import type { ObjectId } from '../git/objectId.ts';
import { IdSet, ObjectSet } from '../git/objectSet.ts';
import {
  CommitLinks,
  eachNewTreeLink,
  eachTreeLink,
  type LinkKind,
  readCommitLinks,
  readTagLink,
} from '../git/objects/links.ts';
import { nameHash } from '../git/packs/nameHash.ts';
import { missingObject } from '../storage/missingObject.ts';
import { Pace } from '../storage/pace.ts';
import type { ReachRecord } from '../storage/shortcuts.ts';
import type { GitObject, ObjectReader } from '../storage/storage.ts';
import { commitRange } from './commitRange.ts';
import { dropLargeBlobs } from './filter.ts';
import { NewObjects, type ReachableOptions } from './newObjects.ts';
import { expectType, readSlowly, tryRead } from './source.ts';

/** Bytes of trees to keep for comparison with others. */
const MAX_VERSIONS_BYTES = 64 << 20;

export interface Reachable {
  /**
   * The objects reachable from wants and not from haves, each with its type and the hash of the first path
   * where it was found. As in Git, they may include objects that only old commits of the haves hold.
   */
  readonly objects: ObjectSet;
  /** Some objects reachable from the haves, including the most similar ones: bases for a thin pack. */
  readonly known: IdSet;
}

/** @throws CorruptObjectError when an object reachable from wants is missing or broken */
export async function reachable(
  store: ObjectReader,
  options: ReachableOptions,
): Promise<Reachable> {
  const wants = [...options.wants];
  const haves = [...(options.haves ?? [])];
  const { treeDepth = Number.POSITIVE_INFINITY, blobLimit } = options.filter ?? {};
  let found: Reachable;
  if (haves.length === 0 && (treeDepth === 0 || treeDepth === Number.POSITIVE_INFINITY)) {
    found = { objects: await everything(store, { ...options, wants }), known: new IdSet() };
  } else {
    const range = await commitRange(store, { ...options, wants, haves });
    const fresh = new NewObjects(store, range, options);
    await fresh.run();
    found = { objects: fresh.objects, known: range.known };
  }
  if (blobLimit === undefined || blobLimit === 0) return found;
  const wanted = await withTargets(store, wants);
  const objects = await dropLargeBlobs(store, found.objects, blobLimit, wanted);
  return { objects, known: found.known };
}

/** The wants, with the targets of tags among them, which count as requested too. */
async function withTargets(store: ObjectReader, wants: readonly ObjectId[]): Promise<IdSet> {
  const wanted = new IdSet(wants);
  const target = Buffer.alloc(20);
  for (let position = 0; position < wanted.count; position++) {
    const id = wanted.idAt(position);
    if ((await store.header(id))?.type !== 'tag') continue;
    readTagLink(((await store.read(id)) as GitObject).body, target);
    wanted.addBytes(target, 0);
  }
  return wanted;
}

/** Git's own hash of a path (git/packs/nameHash.ts) is the same for many: its end alone counts. */
function pathHash(parent: number, name: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(parent ^ 0x2f, 0x01000193);
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ name[at]!, 0x01000193);
  return hash;
}

async function everything(
  store: ObjectReader,
  { wants, shallow, filter, signal, onProgress }: ReachableOptions,
): Promise<ObjectSet> {
  const objects = new ObjectSet();
  const trees = filter?.treeDepth !== 0;
  const blobs = trees && filter?.blobLimit !== 0;
  const pace = new Pace(signal);
  const links = new CommitLinks();
  const tagged = Buffer.alloc(20);
  /** Of each tree, by its position: the hash of the path where it was met. */
  const paths: number[] = [];
  /** The tree that was opened last at a path, by the path's hash. */
  const versions = new Map<number, Uint8Array>();
  let versionsBytes = 0;
  const hasRecords = (shallow?.count ?? 0) === 0 && store.history !== undefined;
  const records: ReachRecord[] = [];
  /** Runs of objects that came from a record, and are done therefore: first one → behind the last. */
  const recorded = new Map<number, number>();
  let position = 0;
  // One after the other, so that the versions of a directory come in about the order of history.
  for (const want of wants) {
    const header = await store.header(want);
    if (header === undefined) throw missingObject(store, want);
    objects.addObject(want, header.type);
    for (; position < objects.count; position++) {
      while (recorded.has(position)) position = recorded.get(position)!;
      if (position >= objects.count) break;
      const type = objects.typeAt(position);
      if (type === 'blob') continue;
      if (type === 'commit' && hasRecords) {
        const at = position * 20;
        if (records.some((record) => record.has(objects.bytes, at))) continue;
        const record = store.history?.reachOf(objects.idAt(position));
        if (record !== undefined) {
          records.push(record);
          const before = objects.count;
          await record.addTo(objects, { trees, blobs }, pace);
          if (objects.count > before) recorded.set(before, objects.count);
          continue;
        }
      }
      const object =
        tryRead(store, objects, position) ?? (await readSlowly(store, objects, position));
      expectType(object, type, objects, position);
      const { body } = object;
      if (type === 'tree') {
        const hash = objects.nameHashAt(position);
        // Two versions of a directory share most entries, which were found before.
        const path = paths[position] ?? 0;
        const before = versions.get(path);
        versionsBytes += body.length - (before?.length ?? 0);
        if (versionsBytes > MAX_VERSIONS_BYTES) {
          versions.clear();
          versionsBytes = body.length;
        }
        versions.set(path, body);
        const add = (kind: LinkKind, start: number, end: number): void => {
          if (kind === 'tree' ? !trees : kind === 'commit' || !blobs) return;
          const position = objects.addObjectBytes(body, end + 1, kind, 0);
          if (position + 1 < objects.count || objects.nameHashAt(position) !== 0) return;
          objects.setNameHash(position, nameHash(hash, body, start, end));
          if (kind === 'tree') paths[position] = pathHash(path, body, start, end);
        };
        if (before === undefined) eachTreeLink(body, add);
        else eachNewTreeLink(body, before, add);
      } else if (type === 'commit') {
        readCommitLinks(body, links);
        if (trees) objects.addObjectBytes(links.tree, 0, 'tree', 0);
        if (shallow?.hasBytes(objects.bytes, position * 20) !== true) {
          for (let i = 0; i < links.parentCount; i++) {
            objects.addObjectBytes(links.parents, i * 20, 'commit', 0);
          }
        }
      } else {
        const target = readTagLink(body, tagged);
        objects.addObjectBytes(tagged, 0, target, 0);
      }
      if (pace.due()) {
        onProgress?.(objects.count);
        await pace.pause();
      }
    }
  }
  onProgress?.(objects.count);
  return objects;
}

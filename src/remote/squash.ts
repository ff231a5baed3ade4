/** Refs without history: replaces each ref's commit by one without parents. */

import { hashObject, type ObjectId } from '../git/objectId.ts';
import { parseCommit, serializeCommit } from '../git/objects/commit.ts';
import { parseTag } from '../git/objects/tag.ts';
import type { Storage } from '../storage/storage.ts';

/** Headers to drop: signatures cover the changed parts, and a merged tag belongs to a parent. */
const DROPPED = new Set(['gpgsig', 'gpgsig-sha256', 'mergetag']);

export interface Squashed {
  readonly refs: Map<string, ObjectId>;
  /** The bodies of the new commits, by id. */
  readonly commits: ReadonlyMap<ObjectId, Buffer>;
}

/**
 * The same trees, authors and messages without parents. A ref on an annotated tag then points directly to
 * the commit. A ref that does not lead to a commit stays unchanged.
 */
export async function squashRefs(
  storage: Storage,
  refs: ReadonlyMap<string, ObjectId>,
): Promise<Squashed> {
  const squashed = new Map<string, ObjectId>();
  const commits = new Map<ObjectId, Buffer>();
  for (const [ref, id] of refs) {
    const body = await commitBody(storage, id);
    if (body === undefined) {
      squashed.set(ref, id);
      continue;
    }
    const commit = parseCommit(body, id);
    const extraHeaders = commit.extraHeaders.filter(({ key }) => !DROPPED.has(key));
    const alone = serializeCommit({ ...commit, parents: [], extraHeaders });
    const aloneId = hashObject('commit', alone);
    commits.set(aloneId, alone);
    squashed.set(ref, aloneId);
  }
  return { refs: squashed, commits };
}

/** Writes the new commits to the store, without refs. */
export async function writeSquashed(storage: Storage, { commits }: Squashed): Promise<void> {
  const writer = storage.objects.writer();
  try {
    for (const body of commits.values()) await writer.write('commit', body);
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function commitBody(storage: Storage, id: ObjectId): Promise<Uint8Array | undefined> {
  for (let at = id; ; ) {
    const object = await storage.objects.read(at);
    if (object?.type === 'commit') return object.body;
    if (object?.type !== 'tag') return undefined;
    at = parseTag(object.body, at).object;
  }
}

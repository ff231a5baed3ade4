/** Reads commits, and resolves a ref's value to its commit. */

import { ByteCache } from '../../byteCache.ts';
import { CorruptObjectError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import {
  type Commit,
  type CommitLinks,
  parseCommit,
  parseCommitLinks,
} from '../../git/objects/commit.ts';
import { missingObject } from '../../storage/missingObject.ts';
import { type Peeled, peel } from '../../storage/peel.ts';
import type { GitObject, ObjectStore } from '../../storage/storage.ts';

const CACHE_BYTES = 8 << 20;

/** Shared buffer to inflate into: a walk parses each commit before it reads the next. */
const commitRoom = Buffer.allocUnsafeSlow(16 << 10);

function roomForCommit(size: number): Buffer {
  return size <= commitRoom.length ? commitRoom.subarray(0, size) : Buffer.allocUnsafeSlow(size);
}

/**
 * Reads commits and caches recent ones, bounded by bytes. As in Git, a commit of a shallow clone whose
 * parents are absent counts as a first commit. The list of those is read once.
 */
export class CommitReader {
  readonly #objects: ObjectStore;
  readonly #cache = new ByteCache<Commit>(CACHE_BYTES, (commit) => 800 + 2 * commit.message.length);

  /** Null: all commits have their parents. */
  #shallow: ReadonlySet<ObjectId> | null | undefined;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** @throws CorruptObjectError when the object is missing, not a commit, or malformed */
  async get(id: ObjectId): Promise<Commit> {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const commit = await this.#read(id);
    this.#cache.set(id, commit);
    return commit;
  }

  /** As `get`, without caching: for long walks, which visit each commit once. */
  async getUncached(id: ObjectId): Promise<Commit> {
    return this.#cache.get(id) ?? this.#read(id);
  }

  /** The same, synchronously; `undefined`: call `getUncached`. */
  tryGet(id: ObjectId): Commit | undefined {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const body = this.#tryBody(id);
    return body && this.#withParentsHere(id, parseCommit(body, id));
  }

  /** Only tree and parents: much cheaper for long walks. @throws as `get` */
  async links(id: ObjectId): Promise<CommitLinks> {
    const links = this.tryLinks(id);
    if (links !== undefined) return links;
    const body = commitBody(this.#objects, await this.#objects.read(id), id);
    return this.#withParentsHere(id, parseCommitLinks(body, id));
  }

  /** As `tryGet`. */
  tryLinks(id: ObjectId): CommitLinks | undefined {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const body = this.#tryBody(id);
    return body && this.#withParentsHere(id, parseCommitLinks(body, id));
  }

  /** The body of a commit, valid until the next is read. */
  #tryBody(id: ObjectId): Uint8Array | undefined {
    const object = this.#objects.tryRead(id, { room: roomForCommit });
    return object?.type === 'commit' ? object.body : undefined;
  }

  async #read(id: ObjectId): Promise<Commit> {
    const now = this.#tryBody(id);
    const body = now ?? commitBody(this.#objects, await this.#objects.read(id), id);
    return this.#withParentsHere(id, parseCommit(body, id));
  }

  #withParentsHere<T extends CommitLinks>(id: ObjectId, commit: T): T {
    if (this.#shallow === undefined) {
      const shallow = this.#objects.history?.shallow();
      this.#shallow = shallow === undefined || shallow.size === 0 ? null : shallow;
    }
    return this.#shallow?.has(id) ? { ...commit, parents: [] } : commit;
  }

  /** Caches a commit that was just made, so that it need not be read back. */
  remember(id: ObjectId, commit: Commit): void {
    this.#cache.set(id, commit);
  }

  /**
   * Follows annotated tags, including tags of tags, to the tagged object. Undefined when an object on the
   * way is missing.
   */
  async peel(id: ObjectId): Promise<Peeled | undefined> {
    return peel(this.#objects, id, (at) => this.#cache.get(at) !== undefined);
  }
}

function commitBody(objects: ObjectStore, object: GitObject | undefined, id: ObjectId): Uint8Array {
  if (object?.type === 'commit') return object.body;
  if (object === undefined) throw missingObject(objects, id, 'Commit');
  const fault = `Object ${id} is a ${object.type}, not a commit`;
  throw new CorruptObjectError(fault, { objectId: id });
}

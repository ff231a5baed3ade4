/** Part of a repair of `head`: branches for commits that no ref leads to, so that they are not lost. */

import type { ObjectId } from '../../../git/objectId.ts';
import {
  type Commit,
  parseCommit,
  parseCommitLinks,
  serializeCommit,
} from '../../../git/objects/commit.ts';
import { isTreeMode, MODE_GITLINK, parseTree } from '../../../git/objects/tree.ts';
import { PackIndex } from '../../../git/packs/packIndex.ts';
import { addAll } from '../../../lists.ts';
import { defaultReflog } from '../../refRules.ts';
import type { RefUpdate, Storage } from '../../storage.ts';
import { openBucketStorage } from '../bucketStorage.ts';
import type { Bucket, BucketOptions, GetOptions, PutBody, PutOptions } from '../engine/bucket.ts';
import { Engine } from '../engine/engine.ts';
import { realEnvironment } from '../engine/environment.ts';
import { HEAD_KEY } from '../head/headKeeper.ts';
import { formatHead, type PackEntry, parseHead } from '../head/headRecord.ts';
import type { RepairPlan } from './repair.ts';

const GROUP = 1000;

/**
 * Makes the branches in the planned head, before anybody sees it.
 * @returns the head that has them, and their short names
 */
export async function recoverTips(
  { bucket }: Engine,
  { head, packs, lost }: RepairPlan,
): Promise<{ readonly body: Buffer; readonly names: readonly string[] }> {
  const isThere = ({ key }: PackEntry) => !lost.some((one) => one.key === key);
  const readable = { ...head, packs: head.packs.filter(isThere) };
  const planned = new PlannedBucket(bucket, formatHead(readable));
  const storage = await openBucketStorage(planned);
  try {
    const engine = new Engine(planned, realEnvironment);
    const parents = new Map<ObjectId, readonly ObjectId[]>();
    for (const pack of packs) await addCommits(storage, engine, pack, parents);
    const tips = new Set(parents.keys());
    for (const list of parents.values()) for (const id of list) tips.delete(id);
    for (const id of await historyOf(storage)) tips.delete(id);
    const names: string[] = [];
    const updates: RefUpdate[] = [];
    const day = new Date(realEnvironment.now()).toISOString().slice(0, 10);
    const whole = new WholeCommits(storage);
    for (const id of tips) {
      for (const found of await whole.of(id)) {
        const name = `recovered-${day}-${names.length + 1}`;
        const reflog = { ...defaultReflog(realEnvironment.now), message: 'doctor: recovered' };
        updates.push({ ref: `refs/heads/${name}`, new: found, reflog });
        names.push(name);
      }
    }
    if (updates.length > 0) await storage.refs.update(updates);
    const made = parseHead(planned.headBody).head;
    return { body: formatHead({ ...made, packs: [...lost, ...made.packs] }), names };
  } finally {
    await storage.close();
  }
}

/** The bucket as it will be with the planned head, which is kept in memory. Closing it closes nothing. */
class PlannedBucket implements Bucket {
  readonly location: string;
  readonly #bucket: Bucket;
  #body: Buffer;
  #version = 0;

  constructor(bucket: Bucket, body: Buffer) {
    this.location = bucket.location;
    this.#bucket = bucket;
    this.#body = body;
  }

  get headBody(): Buffer {
    return this.#body;
  }

  get #tag(): string {
    return `planned-${this.#version}`;
  }

  async get(key: string, options: GetOptions = {}) {
    if (key !== HEAD_KEY) return this.#bucket.get(key, options);
    if (options.ifNoneMatch === this.#tag) return { kind: 'unchanged' } as const;
    const body = this.#body;
    return { kind: 'ok', body, tag: this.#tag, size: body.length } as const;
  }

  async put(key: string, body: PutBody, options: PutOptions = {}) {
    if (key !== HEAD_KEY) return this.#bucket.put(key, body, options);
    if (options.ifMatch !== this.#tag) return { kind: 'conflict' } as const;
    this.#body = Buffer.from('read' in body ? await body.read(0, body.size) : body);
    this.#version++;
    return { kind: 'ok', tag: this.#tag } as const;
  }

  remove(keys: readonly string[], options?: BucketOptions) {
    return this.#bucket.remove(keys, options);
  }

  list(prefix: string, from?: string, options?: BucketOptions) {
    return this.#bucket.list(prefix, from, options);
  }

  head(key: string, options?: BucketOptions) {
    return this.#bucket.head(key, options);
  }

  async close(): Promise<void> {}
}

async function addCommits(
  storage: Storage,
  engine: Engine,
  { key, size, index }: PackEntry,
  parents: Map<ObjectId, readonly ObjectId[]>,
): Promise<void> {
  const answer = await engine.get(key, { range: { start: size, end: size + index } });
  if (answer.kind !== 'ok') return;
  const table = PackIndex.parse(answer.body, key);
  const ids = (function* () {
    for (let row = 0; row < table.count; row += GROUP) {
      const count = Math.min(GROUP, table.count - row);
      yield Array.from({ length: count }, (_, i) => table.idAt(row + i));
    }
  })();
  let row = 0;
  for await (const group of storage.objects.readMany(inTurn(ids))) {
    for (const object of group) {
      const id = table.idAt(row++);
      if (object?.type !== 'commit' || object.body === undefined) continue;
      parents.set(id, parseCommitLinks(object.body, id).parents);
    }
  }
}

async function* inTurn<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** All commits that refs lead to. */
async function historyOf(storage: Storage): Promise<Set<ObjectId>> {
  const { refs } = await storage.refs.list('refs/');
  const seen = new Set<ObjectId>();
  const waiting = refs.map(({ id }) => id);
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const object = await storage.objects.read(id);
    if (object?.type === 'commit') addAll(waiting, parseCommitLinks(object.body, id).parents);
    else if (object?.type === 'tag') {
      const target = /^object ([0-9a-f]{40})$/m.exec(Buffer.from(object.body).toString('latin1'));
      if (target !== null) waiting.push(target[1] as ObjectId);
    }
  }
  return seen;
}

/**
 * Commits with all objects that they lead to. Leaves out a commit with an incomplete tree, and gives its parents
 * to its children. A history whose beginning is lost begins later. Writes the changed commits anew.
 */
class WholeCommits {
  readonly #storage: Storage;
  /** The replacement of a commit: itself, another, or its parents. */
  readonly #standIns = new Map<ObjectId, readonly ObjectId[]>();
  readonly #trees = new Map<ObjectId, boolean>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async of(tip: ObjectId): Promise<readonly ObjectId[]> {
    const waiting = [tip];
    while (waiting.length > 0) {
      const id = waiting.at(-1)!;
      const object = this.#standIns.has(id) ? undefined : await this.#storage.objects.read(id);
      if (object?.type !== 'commit') {
        if (!this.#standIns.has(id)) this.#standIns.set(id, []);
        waiting.pop();
        continue;
      }
      const commit = parseCommit(object.body, id);
      const before = commit.parents.filter((parent) => !this.#standIns.has(parent));
      if (before.length > 0) {
        addAll(waiting, before);
        continue;
      }
      this.#standIns.set(id, await this.#standInsFor(id, commit));
      waiting.pop();
    }
    return this.#standIns.get(tip)!;
  }

  async #standInsFor(id: ObjectId, commit: Commit): Promise<readonly ObjectId[]> {
    const parents = [...new Set(commit.parents.flatMap((one) => this.#standIns.get(one)!))];
    if (!(await this.#isWhole(commit.tree))) return parents;
    if (parents.join() === commit.parents.join()) return [id];
    const { extraHeaders, ...rest } = commit;
    const body = serializeCommit({
      ...rest,
      // A signature is of other bytes.
      extraHeaders: extraHeaders.filter(({ key }) => !key.startsWith('gpgsig')),
      parents,
    });
    const writer = this.#storage.objects.writer();
    const made = await writer.write('commit', body);
    await writer.finish();
    return [made];
  }

  async #isWhole(root: ObjectId): Promise<boolean> {
    const waiting = [root];
    while (waiting.length > 0) {
      const id = waiting.at(-1)!;
      if (this.#trees.has(id)) {
        waiting.pop();
        continue;
      }
      const object = await this.#storage.objects.read(id);
      let isWhole = object?.type === 'tree';
      const below: ObjectId[] = [];
      for (const entry of isWhole ? parseTree(object!.body, id) : []) {
        if (entry.mode === MODE_GITLINK) continue;
        if (!isTreeMode(entry.mode)) isWhole &&= await this.#storage.objects.has(entry.id);
        else if (!this.#trees.has(entry.id)) below.push(entry.id);
        else isWhole &&= this.#trees.get(entry.id)!;
      }
      if (isWhole && below.length > 0) {
        addAll(waiting, below);
        continue;
      }
      this.#trees.set(id, isWhole);
      waiting.pop();
    }
    return this.#trees.get(root)!;
  }
}

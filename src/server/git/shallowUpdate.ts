/** How a fetch changes where the client's history ends (gitprotocol-pack(5), "shallow"). */

import { asBuffer } from '../../bytes.ts';
import { GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { IdSet } from '../../git/objectSet.ts';
import { CommitLinks, readCommitLinks } from '../../git/objects/links.ts';
import { isValidRefName } from '../../git/refs/refName.ts';
import { packet } from '../../git/wire/pktLine.ts';
import { type Boundary, limitDepth, limitHistory } from '../../graph/shallow.ts';
import { addAll } from '../../lists.ts';
import { Pace } from '../../storage/pace.ts';
import type { ObjectStore, Storage } from '../../storage/storage.ts';
import { asksForDepth, type FetchRequest, isInfinite } from './fetchRequest.ts';
import { Refusal } from './refusal.ts';

export interface ShallowUpdate {
  /** Commits whose parents the client will not have, or the store has not. */
  readonly shallow: IdSet;
  /**
   * What the client is told: new ones, and those that are so no more. Without line feeds, as Git writes
   * them: libgit2 takes no others.
   */
  readonly lines: readonly Buffer[];
  /** Commits that become wants: the parents of those that are shallow no more. */
  readonly wants: readonly ObjectId[];
  /** Those themselves: the client has them. */
  readonly haves: readonly ObjectId[];
}

/** @param ours commits that the store itself has without their parents */
export async function shallowUpdate(
  storage: Storage,
  request: FetchRequest,
  ours: IdSet,
  signal: AbortSignal,
): Promise<ShallowUpdate> {
  const { objects } = storage;
  const before = new IdSet();
  const pace = new Pace(signal);
  for (let i = 0; i < request.shallow.count; i++) {
    if (pace.due()) await pace.pause();
    const type = (await objects.header(request.shallow.idAt(i)))?.type;
    if (type === undefined) continue;
    if (type !== 'commit') throw new Refusal(`invalid shallow object ${request.shallow.idAt(i)}`);
    before.add(request.shallow.idAt(i));
  }
  if (!asksForDepth(request)) return newEnds(objects, request, before, ours, signal);

  const boundary = await findBoundary(storage, request, before, ours, signal);
  const lines: Buffer[] = [];
  const shallow = new IdSet(ours);
  for (const id of boundary.shallow) {
    if (boundary.complete.has(id)) continue;
    shallow.add(id);
    if (!before.has(id)) lines.push(packet(`shallow ${id}`));
  }
  const wants: ObjectId[] = [];
  const haves: ObjectId[] = [];
  for (const id of before) {
    shallow.add(id);
    if (!boundary.complete.has(id)) continue;
    lines.push(packet(`unshallow ${id}`));
    haves.push(id);
    addAll(wants, await parentsOf(objects, id));
    if (pace.due()) await pace.pause();
  }
  return { shallow, lines, wants, haves };
}

/** Without a depth the client's history goes on as far as ours: it ends where the store's does. */
async function newEnds(
  objects: ObjectStore,
  { wants }: FetchRequest,
  before: IdSet,
  ours: IdSet,
  signal: AbortSignal,
): Promise<ShallowUpdate> {
  const shallow = new IdSet(before);
  for (const id of ours) shallow.add(id);
  const lines: Buffer[] = [];
  if (ours.count > 0) {
    const ends = await limitDepth(objects, wants, Number.POSITIVE_INFINITY, { shallow, signal });
    for (const id of ends.shallow) if (!before.has(id)) lines.push(packet(`shallow ${id}`));
  }
  return { shallow, lines, wants: [], haves: [] };
}

async function findBoundary(
  storage: Storage,
  request: FetchRequest,
  before: IdSet,
  ours: IdSet,
  signal: AbortSignal,
): Promise<Boundary> {
  const { objects } = storage;
  const options = { shallow: ours, signal };
  const { depth, deepenSince, deepenNot, deepenRelative, wants } = request;
  if (depth !== undefined) {
    if (deepenSince !== undefined || deepenNot.length > 0) {
      throw new Refusal('deepen and deepen-since (or deepen-not) cannot be used together');
    }
    if (isInfinite(depth)) {
      return ours.count === 0
        ? { shallow: new IdSet(), complete: before }
        : limitDepth(objects, wants, Number.POSITIVE_INFINITY, options);
    }
    return deepenRelative
      ? limitDepth(objects, before, depth + 1, options)
      : limitDepth(objects, wants, depth, options);
  }
  const not: ObjectId[] = [];
  for (const name of deepenNot) not.push(await findRef(storage, name));
  try {
    return await limitHistory(objects, wants, { since: deepenSince, not }, options);
  } catch (error) {
    if (error instanceof GitStoreError && error.code === 'EINVAL') throw new Refusal(error.message);
    throw error;
  }
}

/** A ref by the short name that a person uses (gitrevisions(7)). */
async function findRef({ refs }: Storage, name: string): Promise<ObjectId> {
  for (const prefix of ['', 'refs/', 'refs/tags/', 'refs/heads/', 'refs/remotes/']) {
    const ref = prefix + name;
    if (ref !== 'HEAD' && !(ref.startsWith('refs/') && isValidRefName(ref))) continue;
    const id = await refs.get(ref);
    if (id !== undefined) return id;
  }
  throw new Refusal(`git upload-pack: ambiguous deepen-not: ${name.slice(0, 100)}`);
}

async function parentsOf(objects: ObjectStore, commit: ObjectId): Promise<ObjectId[]> {
  const object = await objects.read(commit);
  if (object === undefined) return [];
  const links = new CommitLinks();
  readCommitLinks(object.body, links);
  const parents = asBuffer(links.parents);
  return Array.from({ length: links.parentCount }, (_, i) =>
    parents.toString('hex', i * 20, i * 20 + 20),
  );
}

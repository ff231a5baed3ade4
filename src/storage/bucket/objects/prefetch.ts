/** Fetches what groups of objects need before they are read, neighbours together. */
import type { ObjectId } from '../../../git/objectId.ts';
import { Pace } from '../../pace.ts';
import { BLOCK, type Part, type SparsePack } from '../cache/sparsePack.ts';
import type { Place } from './objectPlaces.ts';

export interface PrefetchSource {
  /** Makes sure that `find` knows all packs. */
  know(): Promise<void>;
  find(id: ObjectId): Place | undefined;
}

/** Objects located per round before their bytes are fetched. */
const AT_ONCE = 4096;
/** Objects that are expected from which on the indexes of all packs are fetched to find them. */
const MANY = 256;
/** Expected parts to fetch at a time. */
const PARTS_AT_ONCE = 2;
/** Bytes of an object from which on looking whether they are here takes a while. */
const LONG = 4 << 20;

/** Yields the same groups, each after the bytes of its objects have arrived. Fetches one group ahead. */
export async function* prefetched(
  groups: AsyncIterable<readonly ObjectId[]>,
  source: PrefetchSource,
): AsyncGenerator<readonly ObjectId[]> {
  await source.know();
  const parts = inParts(groups);
  const load = async (): Promise<readonly ObjectId[] | undefined> => {
    const { done, value } = await parts.next();
    if (done) return undefined;
    await fetchFor(value, source);
    return value;
  };
  let next = load();
  try {
    for (let ids = await next; ids !== undefined; ids = await next) {
      next = load();
      // Its failure is told when its turn comes.
      next.catch(() => {});
      yield ids;
    }
  } finally {
    await next.catch(() => {});
    await parts.return(undefined);
  }
}

async function* inParts(
  groups: AsyncIterable<readonly ObjectId[]>,
): AsyncGenerator<readonly ObjectId[], undefined> {
  for await (const ids of groups) {
    for (let at = 0; at < ids.length; at += AT_ONCE) yield ids.slice(at, at + AT_ONCE);
  }
}

async function fetchFor(ids: readonly ObjectId[], source: PrefetchSource): Promise<void> {
  const wanted = new Map<SparsePack, { start: number; end: number }[]>();
  const pace = new Pace();
  for (const id of ids) {
    const place = source.find(id);
    if (place === undefined) continue;
    const start = place.offset;
    const end = place.file.order.endOf(start);
    if (pace.due()) await pace.pause();
    if (
      end - start < LONG ? place.holes.has(start, end) : await place.holes.hasLong(start, end, pace)
    ) {
      continue;
    }
    const ranges = wanted.get(place.holes);
    if (ranges === undefined) wanted.set(place.holes, [{ start, end }]);
    else ranges.push({ start, end });
  }
  for (const [holes, ranges] of wanted) {
    ranges.sort((a, b) => a.start - b.start);
    await holes.fetchAll(ranges);
  }
}

/**
 * Begins to fetch the bytes of objects that are read soon, in any order. Never rejects.
 * @returns once the requests are planned: a function that cancels those that have not begun
 */
export async function expected(
  ids: readonly ObjectId[],
  source: PrefetchSource,
): Promise<() => void> {
  // A read that needs what fails here fails again, and reports it.
  if (ids.length >= MANY) await source.know().catch(() => {});
  const wanted = new Map<SparsePack, Uint8Array>();
  const pace = new Pace();
  for (const id of ids) {
    const place = source.find(id);
    if (place === undefined) continue;
    const { holes, file, offset } = place;
    let blocks = wanted.get(holes);
    if (blocks === undefined) {
      blocks = new Uint8Array(Math.ceil(holes.size / BLOCK));
      wanted.set(holes, blocks);
    }
    blocks.fill(1, Math.floor(offset / BLOCK), Math.ceil(file.order.endOf(offset) / BLOCK));
    if (pace.due()) await pace.pause();
  }
  const parts: { readonly holes: SparsePack; readonly part: Part }[] = [];
  for (const [holes, blocks] of wanted) {
    for (const part of holes.expect(blocks)) parts.push({ holes, part });
  }
  const queue = parts.values();
  const work = async () => {
    for (const { holes, part } of queue) await holes.fetchPart(part);
  };
  for (let i = 0; i < PARTS_AT_ONCE; i++) work().catch(() => {});
  return () => {
    for (const { holes, part } of parts) holes.unexpect(part);
  };
}

/** Packs in memory, with a plain form: what is proven here is what becomes of them, not what is in them. */
import type { ObjectId } from '../../../src/git/objectId.ts';
import {
  type LinkedObject,
  PackGoneError,
  type Repacked,
  type RepackJob,
  type Shelf,
  type StagedPack,
} from '../../../src/storage/bucket/cache/shelf.ts';
import { linksOf, openRecent } from '../../../src/storage/bucket/commit/linksOf.ts';
import type { Engine } from '../../../src/storage/bucket/engine/engine.ts';
import type { PackEntry, RecentObject } from '../../../src/storage/bucket/head/headRecord.ts';
import type { GitObject } from '../../../src/storage/storage.ts';

type Objects = ReadonlyMap<ObjectId, RecentObject>;

export class MemoryShelf implements Shelf {
  readonly #engine: Engine;
  readonly #packs = new Map<string, Objects>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async has(pack: PackEntry, id: ObjectId): Promise<boolean> {
    return (await this.#open(pack)).has(id);
  }

  async read(pack: PackEntry, id: ObjectId): Promise<GitObject | undefined> {
    const found = (await this.#open(pack)).get(id);
    return found && openRecent(found);
  }

  async *links(pack: PackEntry): AsyncGenerator<LinkedObject> {
    for (const object of (await this.#open(pack)).values()) {
      if (object.type !== 'blob') yield openRecent(object);
    }
  }

  async stage(objects: Iterable<RecentObject>): Promise<StagedPack> {
    return new MemoryStagedPack(objects, (entry, kept) => this.#packs.set(entry.key, kept));
  }

  async repack({ packs, recent, firm, loose, isYoung }: RepackJob): Promise<Repacked> {
    const all = new Map<ObjectId, RecentObject>();
    const young = new Set<ObjectId>();
    for (const pack of packs) {
      for (const [id, object] of await this.#open(pack)) {
        all.set(id, object);
        if (isYoung(pack)) young.add(id);
      }
    }
    for (const object of recent) {
      all.set(object.id, object);
      if (isYoung(undefined)) young.add(object.id);
    }
    const missing = [...firm.keys()].find((id) => !all.has(id));
    if (missing !== undefined) throw new Error(`${firm.get(missing)} names ${missing}: missing`);
    const reached = walk([...firm.keys(), ...loose], all);
    const kept = walk([...young], all);
    const cruft = [...kept].filter((id) => !reached.has(id));
    const lost = [...all.keys()].filter((id) => !reached.has(id) && !kept.has(id));
    const stage = (ids: Iterable<ObjectId>) => {
      const objects = Array.from(ids, (id) => all.get(id)!);
      return objects.length === 0 ? undefined : this.stage(objects);
    };
    return {
      kept: undefined,
      main: await stage(reached),
      cruft: await stage(cruft),
      lost: new Set(lost),
    };
  }

  async merge(packs: readonly PackEntry[]): Promise<StagedPack> {
    const all = new Map<ObjectId, RecentObject>();
    for (const pack of packs)
      for (const [id, object] of await this.#open(pack)) all.set(id, object);
    return this.stage(all.values());
  }

  async #open(pack: PackEntry): Promise<Objects> {
    const known = this.#packs.get(pack.key);
    if (known !== undefined) return known;
    const answer = await this.#engine.get(pack.key);
    if (answer.kind !== 'ok') throw new PackGoneError(pack.key);
    const objects = parsePack(answer.body);
    this.#packs.set(pack.key, objects);
    return objects;
  }
}

class MemoryStagedPack implements StagedPack {
  readonly count: number;
  readonly size: number;
  readonly index = 0;
  readonly #objects: Objects;
  readonly #bytes: Buffer;
  readonly #keep: (entry: PackEntry, objects: Objects) => void;

  constructor(objects: Iterable<RecentObject>, keep: (entry: PackEntry, objects: Objects) => void) {
    this.#objects = new Map(Array.from(objects, (object) => [object.id, object]));
    this.#bytes = formatPack(this.#objects.values());
    this.count = this.#objects.size;
    this.size = this.#bytes.length;
    this.#keep = keep;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    return this.#bytes.subarray(start, end);
  }

  holds(id: ObjectId): boolean {
    return this.#objects.has(id);
  }

  async *links(): AsyncGenerator<LinkedObject> {
    for (const object of this.#objects.values())
      if (object.type !== 'blob') yield openRecent(object);
  }

  keep(entry: PackEntry): void {
    this.#keep(entry, this.#objects);
  }

  release(): void {}

  discard(): void {}
}

function formatPack(objects: Iterable<RecentObject>): Buffer {
  const rows = Array.from(objects, ({ id, type, size, data }) => [
    id,
    type,
    size,
    data.toString('latin1'),
  ]);
  return Buffer.from(JSON.stringify(rows));
}

export function parsePack(bytes: Uint8Array): Objects {
  const rows = JSON.parse(Buffer.from(bytes).toString()) as [
    ObjectId,
    RecentObject['type'],
    number,
    string,
  ][];
  return new Map(
    rows.map(([id, type, size, data]) => [
      id,
      { id, type, size, data: Buffer.from(data, 'latin1') },
    ]),
  );
}

/** All that some objects lead to, as far as it is there. */
function walk(from: ObjectId[], all: Objects): Set<ObjectId> {
  const found = new Set<ObjectId>();
  const waiting = [...from];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const object = all.get(id);
    if (found.has(id) || object === undefined) continue;
    found.add(id);
    waiting.push(...leadsTo(object));
  }
  return found;
}

/** By id: the same whatever the history. */
const links = new Map<ObjectId, readonly ObjectId[]>();

/** As `linksOf`, remembered. */
export function leadsTo(object: RecentObject): readonly ObjectId[] {
  if (object.type === 'blob') return [];
  const known = links.get(object.id);
  if (known !== undefined) return known;
  if (links.size > 100_000) links.clear();
  const found = linksOf(openRecent(object));
  links.set(object.id, found);
  return found;
}

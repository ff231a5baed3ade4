/**
 * Detects renames: pairs each deleted file with an added one of the same content, else with one of at least
 * half similarity. Steps and preferences are those of Git's merges, so that the pairs are equal.
 *
 * 1. Equal content; a pair with the same file name comes first.
 * 2. A file name that only one deleted and one added file have, where three quarters are alike; the
 *    same for a name that several have, in the directory to which most files of its old one went.
 * 3. All that is left against all that is left, the most alike first: only for files that matter.
 */

import type { ObjectId } from '../git/objectId.ts';
import { isFileMode } from '../git/objects/tree.ts';
import { addAll } from '../lists.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { Pace } from '../storage/pace.ts';
import type { ObjectReader } from '../storage/storage.ts';
import { baseName, joinPath, parentPath } from '../tree/paths.ts';
import type { RenameEnd, RenameSource, SideChanges } from './collect.ts';
import { canReach, FULL_SCORE, type Pieces, piecesOf, similarity } from './similarity.ts';

const EMPTY_BLOB_ID: ObjectId = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';

/** Least score for a rename. */
const LEAST_SCORE = FULL_SCORE / 2;
const LEAST_SCORE_OF_NAME = (3 * FULL_SCORE) / 4;

/** Best candidates to keep for each added file. */
const CANDIDATES = 4;

/** Equal files to look at for each added file, at most. */
const MOST_EQUAL = 100;

/** Larger files are paired only by equal content, because similarity needs the whole file. */
const LARGEST = 512 << 20;

/** When deleted times added files exceed the square of this, only the quick steps are made. */
export const DEFAULT_RENAME_LIMIT = 7000;

export interface RenameSearch {
  readonly objects: ObjectReader;
  readonly limit: number;
  readonly pace: Pace;
}

/** Old path to new path. */
export type Renames = ReadonlyMap<string, string>;

export async function findRenames(changes: SideChanges, search: RenameSearch): Promise<Renames> {
  // Empty files are all equal, so pairing them means nothing.
  const sources = changes.sources.filter(isNotEmpty);
  const destinations = changes.destinations.filter(isNotEmpty);
  if (destinations.length === 0 || !sources.some(({ relevant }) => relevant)) return new Map();
  const pairing = new Pairing(search);
  pairing.pairEqual(sources, destinations);
  const left = pairing.unpaired(sources);
  await pairing.pairByName(left, pairing.free(destinations));
  const wanted = pairing.unpaired(left).filter(({ relevant }) => relevant);
  await pairing.pairAlike(wanted, pairing.free(destinations));
  return pairing.renames;
}

function isNotEmpty({ id }: RenameEnd): boolean {
  return id !== EMPTY_BLOB_ID;
}

interface Candidate {
  readonly source: RenameSource;
  readonly destination: RenameEnd;
  readonly score: number;
  readonly hasSameName: boolean;
}

class Pairing {
  readonly renames = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #contents: Contents;
  readonly #limit: number;
  readonly #pace: Pace;

  constructor({ objects, limit, pace }: RenameSearch) {
    this.#contents = new Contents(objects);
    this.#limit = limit;
    this.#pace = pace;
  }

  unpaired(sources: readonly RenameSource[]): RenameSource[] {
    return sources.filter(({ path }) => !this.renames.has(path));
  }

  free(destinations: readonly RenameEnd[]): RenameEnd[] {
    return destinations.filter(({ path }) => !this.#taken.has(path));
  }

  #pair(source: RenameEnd, destination: RenameEnd): void {
    this.renames.set(source.path, destination.path);
    this.#taken.add(destination.path);
  }

  pairEqual(sources: readonly RenameSource[], destinations: readonly RenameEnd[]): void {
    const byId = new Map<ObjectId, RenameSource[]>();
    for (const source of sources) {
      const equal = byId.get(source.id);
      if (equal === undefined) byId.set(source.id, [source]);
      else equal.push(source);
    }
    for (const destination of destinations) {
      let best: RenameSource | undefined;
      let left = MOST_EQUAL;
      for (const source of byId.get(destination.id) ?? []) {
        const fits = isFileMode(source.mode) && isFileMode(destination.mode);
        if (!fits && source.mode !== destination.mode) continue;
        if (this.renames.has(source.path)) continue;
        const hasSameName = isSameName(source, destination);
        if (best === undefined || hasSameName) best = source;
        if (hasSameName || --left === 0) break;
      }
      if (best !== undefined) this.#pair(best, destination);
    }
  }

  async pairByName(
    sources: readonly RenameSource[],
    destinations: readonly RenameEnd[],
  ): Promise<void> {
    const sourceOf = onlyByName(sources);
    const destinationOf = onlyByName(destinations);
    const byPath = new Map(destinations.map((one) => [one.path, one]));
    const moved = mostTaken(this.renames);
    for (const source of sources) {
      const name = baseName(source.path);
      if (!source.relevant || !destinationOf.has(name)) continue;
      let destination = sourceOf.get(name) === null ? null : destinationOf.get(name);
      if (destination === null) {
        const directory = moved.get(parentPath(source.path));
        destination = directory === undefined ? null : byPath.get(joinPath(directory, name));
      }
      if (destination == null || this.#taken.has(destination.path)) continue;
      const score = await this.#contents.score(source, destination, LEAST_SCORE_OF_NAME);
      if (score < LEAST_SCORE_OF_NAME) continue;
      this.#pair(source, destination);
      if (this.#pace.due()) await this.#pace.pause();
    }
  }

  async pairAlike(
    sources: readonly RenameSource[],
    destinations: readonly RenameEnd[],
  ): Promise<void> {
    if (sources.length * destinations.length > this.#limit ** 2) return;
    const candidates: Candidate[] = [];
    for (const destination of destinations) {
      const best: Candidate[] = [];
      for (const source of sources) {
        const found = this.#contents.tryScore(source, destination, LEAST_SCORE);
        const score = found ?? (await this.#contents.score(source, destination, LEAST_SCORE));
        const hasSameName = isSameName(source, destination);
        keepBest(best, { source, destination, score, hasSameName });
        if (this.#pace.due()) await this.#pace.pause();
      }
      addAll(candidates, best);
    }
    candidates.sort(byScore);
    for (const { source, destination, score } of candidates) {
      if (score < LEAST_SCORE) break;
      if (this.renames.has(source.path) || this.#taken.has(destination.path)) continue;
      this.#pair(source, destination);
    }
  }
}

function isSameName(a: RenameEnd, b: RenameEnd): boolean {
  return baseName(a.path) === baseName(b.path);
}

function byScore(a: Candidate, b: Candidate): number {
  return b.score - a.score || Number(b.hasSameName) - Number(a.hasSameName);
}

function keepBest(best: Candidate[], candidate: Candidate): void {
  if (best.length < CANDIDATES) {
    best.push(candidate);
    return;
  }
  let worst = 0;
  for (let i = 1; i < CANDIDATES; i++) if (byScore(best[i]!, best[worst]!) > 0) worst = i;
  if (byScore(best[worst]!, candidate) > 0) best[worst] = candidate;
}

/** By file name; null for a name that several have. */
function onlyByName<T extends RenameEnd>(ends: readonly T[]): Map<string, T | null> {
  const found = new Map<string, T | null>();
  for (const end of ends) {
    const name = baseName(end.path);
    found.set(name, found.has(name) ? null : end);
  }
  return found;
}

/** The directory to which most files of each directory went. */
function mostTaken(renames: Renames): Map<string, string> {
  const counts = new Map<string, Map<string, number>>();
  for (const [from, to] of renames) {
    const old = parentPath(from);
    const now = parentPath(to);
    const of = counts.get(old) ?? new Map<string, number>();
    counts.set(old, of.set(now, (of.get(now) ?? 0) + 1));
  }
  const found = new Map<string, string>();
  for (const [old, of] of counts) {
    let most = 0;
    for (const [now, count] of of) {
      if (count <= most) continue;
      most = count;
      found.set(old, now);
    }
  }
  return found;
}

interface Content {
  readonly size: number;
  pieces?: Pieces;
}

/** Cache of contents for comparison. */
class Contents {
  readonly #objects: ObjectReader;
  readonly #known = new Map<ObjectId, Content>();

  constructor(objects: ObjectReader) {
    this.#objects = objects;
  }

  /** Undefined when content must be read first. */
  tryScore(a: RenameEnd, b: RenameEnd, least: number): number | undefined {
    const one = this.#known.get(a.id);
    const other = this.#known.get(b.id);
    if (one === undefined || other === undefined) return undefined;
    if (!canReach(one.size, other.size, least)) return 0;
    const larger = Math.max(one.size, other.size);
    if (larger > LARGEST) return 0;
    if (one.pieces === undefined || other.pieces === undefined) return undefined;
    return similarity(one.pieces, other.pieces, larger);
  }

  async score(a: RenameEnd, b: RenameEnd, least: number): Promise<number> {
    if (!isFileMode(a.mode) || !isFileMode(b.mode)) return 0;
    for (const { id } of [a, b]) {
      if (!this.#known.has(id)) this.#known.set(id, await this.#look(id));
    }
    const known = this.tryScore(a, b, least);
    if (known !== undefined) return known;
    await this.#read(a.id);
    await this.#read(b.id);
    return this.tryScore(a, b, least)!;
  }

  async #look(id: ObjectId): Promise<Content> {
    const body = this.#objects.tryRead(id)?.body;
    if (body !== undefined) return { size: body.length, pieces: piecesOf(body) };
    const header = await this.#objects.header(id);
    if (header === undefined) throw missingObject(this.#objects, id, 'Blob');
    return { size: header.size };
  }

  async #read(id: ObjectId): Promise<void> {
    const content = this.#known.get(id)!;
    if (content.pieces !== undefined) return;
    const object = await this.#objects.read(id);
    if (object === undefined) throw missingObject(this.#objects, id, 'Blob');
    content.pieces = piecesOf(object.body);
  }
}

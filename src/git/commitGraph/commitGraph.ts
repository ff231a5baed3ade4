/**
 * Commit-graph files (gitformat-commit-graph(5)): trees, parents and dates of commits in one table, and
 * optionally a filter of the changed paths for each commit. A graph may be split into a *chain* of files.
 * Each refers to commits of earlier files by *positions*, which are numbered through the whole chain.
 */
import { CorruptObjectError } from '../../errors.ts';
import { type Chunk, needChunk, readChunkTable } from '../chunkFile.ts';
import { FANOUT_LENGTH, ID_LENGTH, IdTable } from '../idTable.ts';
import type { ObjectId } from '../objectId.ts';
import type { CommitSummary } from '../objects/commitText.ts';
import { type FilterSettings, filterMayHold } from './changedPaths.ts';
import { SUMMARIES, Summaries } from './summaries.ts';

const SIGNATURE = 'CGPH';
const VERSION = 1;
const SHA1 = 1;
/** Bytes of the header before the table of chunks. */
export const GRAPH_HEADER_LENGTH = 8;
/** Bytes of a row of the table of commits. */
const ROW_LENGTH = ID_LENGTH + 16;
const NO_PARENT = 0x70000000;
/** In a second parent: the other bits index the table of further parents. In that table: the last one. */
const HIGH_BIT = 0x80000000;
const FILTER_HEADER_LENGTH = 12;
/** Upper bound for the number of hashes per path. */
const MOST_HASHES = 64;

/** Layout of one file. */
export interface GraphLayout {
  readonly chunks: ReadonlyMap<string, Chunk>;
  /** Number of earlier files of the chain. */
  readonly baseCount: number;
}

/** Number of bytes at the beginning of a file that hold its layout. */
export function graphLayoutLength(header: Uint8Array): number {
  return GRAPH_HEADER_LENGTH + (header[6]! + 1) * 12;
}

/**
 * @param head the file's beginning, `graphLayoutLength` bytes at least
 * @throws CorruptObjectError when it is not a commit-graph of version 1
 */
export function parseGraphLayout(head: Buffer, fileSize: number): GraphLayout {
  if (head.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) {
    throw new CorruptObjectError('its signature is missing');
  }
  const [version, hash, count, baseCount] = [head[4]!, head[5]!, head[6]!, head[7]!];
  if (version !== VERSION) throw new CorruptObjectError(`version ${version} is not known`);
  if (hash !== SHA1) throw new CorruptObjectError('its ids are not SHA-1');
  const chunks = readChunkTable(head, GRAPH_HEADER_LENGTH, count, fileSize - ID_LENGTH);
  return { chunks, baseCount };
}

/** A walk by first parents. */
export interface WalkPlace {
  position: number;
  /** Remaining steps. */
  left: number;
}

/** Why a walk stops. */
export const Stop = {
  /** It has taken all its steps. */
  arrived: 0,
  /** The commit may have changed the path. */
  change: 1,
  /** The commit has no parents. */
  end: 2,
  /** The position belongs to another file of the chain. */
  elsewhere: 3,
} as const;

export type Stop = (typeof Stop)[keyof typeof Stop];

/** Returns the bytes of a chunk; undefined when the file lacks it. */
export type ReadChunk = (name: string) => Buffer | undefined;

/** The commits of one file of a chain. Positions count from `first`. */
export class GraphLayer {
  /** Position of its first commit: the number of commits in earlier files. */
  readonly first: number;
  readonly #ids: IdTable;
  readonly #rows: Buffer;
  readonly #further: Buffer | undefined;
  readonly #readFilters: () => Filters | undefined;
  #filters: Filters | null | undefined;
  readonly #readSummaries: () => Summaries | undefined;
  #summaries: Summaries | null | undefined;

  /**
   * @param read called for filters and summaries only when they are first used
   * @throws CorruptObjectError
   */
  constructor(layout: GraphLayout, read: ReadChunk, first: number) {
    needChunk(layout.chunks, 'OIDF', FANOUT_LENGTH);
    this.#ids = new IdTable(read('OIDL') ?? EMPTY, 0, 0, ID_LENGTH, read('OIDF'));
    needChunk(layout.chunks, 'CDAT', this.count * ROW_LENGTH);
    this.#rows = read('CDAT')!;
    this.#further = read('EDGE');
    this.first = first;
    this.#readFilters = () => parseFilters(read('BIDX'), read('BDAT'), this.count);
    this.#readSummaries = () => {
      const chunk = read(SUMMARIES);
      return chunk && Summaries.parse(chunk, this.count);
    };
  }

  get count(): number {
    return this.#ids.count;
  }

  /** The commit's row, or -1. */
  rowOf(id: ObjectId): number {
    return this.#ids.indexOf(id);
  }

  idAt(row: number): ObjectId {
    return this.#ids.idAt(row);
  }

  treeAt(row: number): ObjectId {
    const at = row * ROW_LENGTH;
    return this.#rows.toString('hex', at, at + ID_LENGTH);
  }

  /** Position of the first parent, or -1. */
  firstParentAt(row: number): number {
    const parent = readUint32(this.#rows, row * ROW_LENGTH + ID_LENGTH);
    return parent === NO_PARENT ? -1 : parent;
  }

  /** Positions of all parents. @throws CorruptObjectError */
  parentsAt(row: number): number[] {
    const first = this.firstParentAt(row);
    if (first < 0) return [];
    const second = readUint32(this.#rows, row * ROW_LENGTH + ID_LENGTH + 4);
    if (second === NO_PARENT) return [first];
    if (second < HIGH_BIT) return [first, second];
    const parents = [first];
    for (let at = (second - HIGH_BIT) * 4; ; at += 4) {
      if (this.#further === undefined || at + 4 > this.#further.length) {
        throw new CorruptObjectError('its table of further parents is too short');
      }
      const parent = readUint32(this.#further, at);
      parents.push(parent % HIGH_BIT);
      if (parent >= HIGH_BIT) return parents;
    }
  }

  /** The committer's time in seconds since the epoch, cut to 34 bits. */
  timeAt(row: number): number {
    const at = row * ROW_LENGTH + ID_LENGTH + 8;
    return (readUint32(this.#rows, at) % 4) * 2 ** 32 + readUint32(this.#rows, at + 4);
  }

  /** One more than the largest level of a parent; 0 when it was not computed. */
  levelAt(row: number): number {
    return readUint32(this.#rows, row * ROW_LENGTH + ID_LENGTH + 8) >>> 2;
  }

  /** Undefined when the commit must be read. */
  summaryAt(row: number): CommitSummary | undefined {
    return this.#openSummaries()?.at(row);
  }

  get hasSummaries(): boolean {
    return this.#openSummaries() !== null;
  }

  #openSummaries(): Summaries | null {
    if (this.#summaries === undefined) this.#summaries = this.#readSummaries() ?? null;
    return this.#summaries;
  }

  /** Settings of its filters; undefined when it has none. */
  get filterSettings(): FilterSettings | undefined {
    this.#filters ??= this.#readFilters() ?? null;
    return this.#filters?.settings;
  }

  /** The filter's bytes, to be copied into a new file; undefined when there is none. */
  filterAt(row: number): Buffer | undefined {
    if (this.filterSettings === undefined) return undefined;
    const { ends, data } = this.#filters!;
    const start = row === 0 ? 0 : readUint32(ends, (row - 1) * 4);
    const end = readUint32(ends, row * 4);
    return end > start && end <= data.length ? data.subarray(start, end) : undefined;
  }

  /**
   * Follows first parents from `place`, updating it, until a reason to stop.
   * @param hashes see `mayHaveChanged`; without them changes are not a reason
   */
  walk(place: WalkPlace, hashes?: readonly Uint32Array[]): Stop {
    for (;;) {
      const row = place.position - this.first;
      if (!(row >= 0 && row < this.count)) return Stop.elsewhere;
      if (hashes !== undefined && this.mayHaveChanged(row, hashes)) return Stop.change;
      if (place.left === 0) return Stop.arrived;
      const parent = this.firstParentAt(row);
      if (parent < 0) return Stop.end;
      place.position = parent;
      place.left--;
    }
  }

  /** Whether the commit may have changed the path with these hashes (changedPaths.ts). */
  mayHaveChanged(row: number, hashes: readonly Uint32Array[]): boolean {
    const filters = this.#filters;
    if (filters == null) return true;
    const { ends, data } = filters;
    const start = row === 0 ? 0 : readUint32(ends, (row - 1) * 4);
    const end = readUint32(ends, row * 4);
    if (end < start || end > data.length) return true;
    return filterMayHold(data, start, end, hashes);
  }
}

export function inCircles(): CorruptObjectError {
  return new CorruptObjectError('The commit-graph is corrupt: its commits lead in circles');
}

const EMPTY = Buffer.alloc(0);

interface Filters {
  readonly settings: FilterSettings;
  /** End of each commit's filter in `data`, 4 bytes each. */
  readonly ends: Buffer;
  readonly data: Buffer;
}

function parseFilters(
  ends: Buffer | undefined,
  data: Buffer | undefined,
  count: number,
): Filters | undefined {
  if (ends === undefined || data === undefined) return undefined;
  if (ends.length < count * 4 || data.length < FILTER_HEADER_LENGTH) return undefined;
  const settings = {
    version: data.readUInt32BE(0),
    hashCount: data.readUInt32BE(4),
    bitsPerPath: data.readUInt32BE(8),
  };
  if (settings.hashCount < 1 || settings.hashCount > MOST_HASHES) return undefined;
  return { settings, ends, data: data.subarray(FILTER_HEADER_LENGTH) };
}

function readUint32(bytes: Buffer, at: number): number {
  return bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
}

/** Makes commit-graph files (gitformat-commit-graph(5)); commitGraph.ts reads them. */

import { fanOutOf, joinChunks } from '../chunkWriter.ts';
import { ID_LENGTH } from '../idTable.ts';
import { addToFilter, FILTER_BITS, FILTER_HASHES, FILTER_VERSION } from './changedPaths.ts';
import { SUMMARIES } from './summaries.ts';

const NO_PARENT = 0x70000000;
const HIGH_BIT = 0x80000000;
const ROW_LENGTH = ID_LENGTH + 16;
const LARGEST_LEVEL = 0x3fffffff;

/** Commits sorted by id. A parent is given by its position in that order. */
export interface GraphCommits {
  readonly count: number;
  /** 20 bytes each. */
  readonly ids: Buffer;
  readonly trees: Buffer;
  readonly parents: readonly (readonly number[])[];
  /** Committer time in seconds since the epoch. */
  readonly times: Float64Array;
  /** The changed-path filter of each. */
  readonly filters: readonly Buffer[];
  /** The chunk of their summaries. */
  readonly summaries?: Buffer | undefined;
}

/** All parents must be among the commits. */
export function serializeCommitGraph(commits: GraphCommits): Buffer {
  const { count, ids, trees, parents, times, filters, summaries } = commits;
  const levels = levelsOf(parents);
  const rows = Buffer.alloc(count * ROW_LENGTH);
  const further: number[] = [];
  for (let row = 0; row < count; row++) {
    let at = row * ROW_LENGTH;
    trees.copy(rows, at, row * ID_LENGTH, (row + 1) * ID_LENGTH);
    const its = parents[row]!;
    at = rows.writeUInt32BE(its[0] ?? NO_PARENT, at + ID_LENGTH);
    if (its.length <= 2) {
      at = rows.writeUInt32BE(its[1] ?? NO_PARENT, at);
    } else {
      at = rows.writeUInt32BE(HIGH_BIT + further.length, at);
      for (let i = 1; i < its.length - 1; i++) further.push(its[i]!);
      further.push(HIGH_BIT + its.at(-1)!);
    }
    const time = Math.max(0, times[row]!);
    at = rows.writeUInt32BE(levels[row]! * 4 + (Math.floor(time / 2 ** 32) & 3), at);
    rows.writeUInt32BE(time % 2 ** 32, at);
  }
  const edges = Buffer.alloc(further.length * 4);
  for (const [i, edge] of further.entries()) edges.writeUInt32BE(edge, i * 4);

  const ends = Buffer.alloc(count * 4);
  let end = 0;
  for (const [row, filter] of filters.entries()) {
    end += filter.length;
    ends.writeUInt32BE(end, row * 4);
  }
  const settings = Buffer.alloc(12);
  settings.writeUInt32BE(FILTER_VERSION, 0);
  settings.writeUInt32BE(FILTER_HASHES, 4);
  settings.writeUInt32BE(FILTER_BITS, 8);

  const chunks: [name: string, data: Buffer][] = [
    ['OIDF', fanOutOf(ids)],
    ['OIDL', ids],
    ['CDAT', rows],
    ...(further.length > 0 ? ([['EDGE', edges]] as [string, Buffer][]) : []),
    ['BIDX', ends],
    ['BDAT', Buffer.concat([settings, ...filters])],
    ...(summaries === undefined ? [] : ([[SUMMARIES, summaries]] as [string, Buffer][])),
  ];
  const header = Buffer.from('CGPH\x01\x01\0\0', 'latin1');
  header[6] = chunks.length;
  return joinChunks(header, chunks);
}

/** One more than the largest level of a parent; 1 for a commit without parents. */
function levelsOf(parents: readonly (readonly number[])[]): Uint32Array {
  const levels = new Uint32Array(parents.length);
  const stack: number[] = [];
  for (let commit = 0; commit < parents.length; commit++) {
    stack.push(commit);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      let level = 0;
      let ready = levels[top] === 0;
      for (const parent of ready ? parents[top]! : []) {
        if (levels[parent] === 0) {
          stack.push(parent);
          ready = false;
        }
        level = Math.max(level, levels[parent]!);
      }
      if (ready) levels[top] = Math.min(level + 1, LARGEST_LEVEL);
      if (levels[top] !== 0) stack.pop();
    }
  }
  return levels;
}

/** As in Git, the filter of a commit with more changed paths matches every path. */
const MOST_PATHS = 512;

/** The filter for a commit's changed paths and their directories. @param paths undefined for too many */
export function changedPathFilter(paths: Iterable<Buffer> | undefined): Buffer {
  if (paths === undefined) return PERHAPS;
  const unique = new Map<string, Buffer>();
  let count = 0;
  for (const path of paths) {
    if (++count > MOST_PATHS) return PERHAPS;
    // The hash of other bytes depends on the machine.
    if (path.some((byte) => byte >= 0x80)) return PERHAPS;
    for (let end = path.length; end > 0; end = path.lastIndexOf(SLASH, end - 1)) {
      const part = path.subarray(0, end);
      const key = part.toString('latin1');
      if (unique.has(key)) break;
      unique.set(key, part);
    }
  }
  if (unique.size > MOST_PATHS) return PERHAPS;
  const filter = Buffer.alloc(Math.max(1, Math.ceil((unique.size * FILTER_BITS) / 8)));
  for (const part of unique.values()) addToFilter(filter, part);
  return filter;
}

const SLASH = 0x2f;
const PERHAPS = Buffer.of(0xff);

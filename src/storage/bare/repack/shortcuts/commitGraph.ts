/**
 * Writes the commit-graph of the commits that a collection found reachable, with changed-path filters and
 * summaries. `log` and other walks of history read it instead of commits, and skip commits that have not
 * touched a path. Takes over filters of an older graph.
 */

import { join } from 'node:path';
import { CorruptObjectError } from '../../../../errors.ts';
import {
  FILTER_BITS,
  FILTER_HASHES,
  FILTER_VERSION,
} from '../../../../git/commitGraph/changedPaths.ts';
import { GraphLayer, parseGraphLayout } from '../../../../git/commitGraph/commitGraph.ts';
import {
  changedPathFilter,
  serializeCommitGraph,
} from '../../../../git/commitGraph/commitGraphWriter.ts';
import { SummaryWriter } from '../../../../git/commitGraph/summaries.ts';
import { ID_LENGTH } from '../../../../git/idTable.ts';
import { parseCommit } from '../../../../git/objects/commit.ts';
import { summaryOf } from '../../../../git/objects/commitText.ts';
import { CommitLinks, readCommitLinks } from '../../../../git/objects/links.ts';
import { sortIds } from '../../../../git/packs/packIndex.ts';
import { removeIfThere, syncDirectory } from '../../../disk/durable.ts';
import { readFileSync, rmSync } from '../../../disk/fs.ts';
import { makeDirectories } from '../../../disk/makeDirectories.ts';
import type { Durability } from '../../../storage.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import { Kind } from '../../inventory/objectTable.ts';
import { replaceFile } from './midx.ts';
import { changedPaths } from './treeChanges.ts';

const TURN = 40;

export interface CommitGraphOptions {
  readonly durability: Durability;
  readonly signal?: AbortSignal | undefined;
}

/** Removes the graph. It is only a cache of what the commits hold. */
export function removeCommitGraph(objectsDir: string): void {
  removeIfThere(join(objectsDir, 'info', 'commit-graph'));
  rmSync(join(objectsDir, 'info', 'commit-graphs'), { recursive: true, force: true });
}

/**
 * @param objects what is reachable; all parents of its commits must be among it
 * @returns false when there are no commits, or one of their parents is missing
 */
export async function writeCommitGraph(
  work: Inventory,
  objects: Int32Array,
  { durability, signal }: CommitGraphOptions,
): Promise<boolean> {
  const { table, bytes, objectsDirs, packDir } = work;
  const { kind } = table.columns;
  const found = objects.filter((object) => kind[object] === Kind.commit);
  const info = join(objectsDirs[0]!, 'info');
  const file = join(info, 'commit-graph');
  const old = readOldGraph(file);
  const count = found.length;
  if (count === 0) return false;
  const unsorted = Buffer.alloc(count * ID_LENGTH);
  for (const [i, object] of found.entries()) {
    table.ids.copy(unsorted, i * ID_LENGTH, object * ID_LENGTH, (object + 1) * ID_LENGTH);
  }
  const order = sortIds(unsorted, count);
  const commits = Int32Array.from(order, (i) => found[i]!);
  const ids = Buffer.alloc(unsorted.length);
  const rowOf = new Int32Array(table.count).fill(-1);
  for (const [row, object] of commits.entries()) {
    table.ids.copy(ids, row * ID_LENGTH, object * ID_LENGTH, (object + 1) * ID_LENGTH);
    rowOf[object] = row;
  }
  if (old?.hasSummaries && isSameGraph(old, ids)) return true;

  const trees = Buffer.alloc(count * ID_LENGTH);
  const parents: number[][] = [];
  const times = new Float64Array(count);
  const links = new CommitLinks();
  const summaries = new SummaryWriter(count);
  // In the order in which they were found, the newest first: neighbours share most trees.
  const rows = Array.from(found, (object) => rowOf[object]!);
  for (const row of rows) {
    const body = bytes.read(commits[row]!);
    readCommitLinks(body, links);
    summaries.set(row, summaryOf(parseCommit(body)));
    links.tree.copy(trees, row * ID_LENGTH);
    const its: number[] = [];
    for (let i = 0; i < links.parentCount; i++) {
      const parent = table.find(links.parents, i * ID_LENGTH);
      if (parent === -1 || rowOf[parent] === -1) return false;
      its.push(rowOf[parent]!);
    }
    parents[row] = its;
    times[row] = links.time;
  }
  const filters: Buffer[] = [];
  let turnEnds = performance.now() + TURN;
  for (const row of rows) {
    const id = ids.toString('hex', row * ID_LENGTH, (row + 1) * ID_LENGTH);
    const oldRow = old === undefined ? -1 : old.rowOf(id);
    const known = oldRow === -1 ? undefined : old!.filterAt(oldRow);
    const first = parents[row]![0];
    filters[row] =
      known ??
      changedPathFilter(changedPaths(table, bytes, trees, row, first === undefined ? -1 : first));
    if (performance.now() < turnEnds) continue;
    signal?.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
    turnEnds = performance.now() + TURN;
  }
  const graph = serializeCommitGraph({
    ...{ count, ids, trees, parents, times, filters },
    summaries: summaries.finish(),
  });
  makeDirectories(info);
  await replaceFile(file, packDir, graph, durability);
  // A chain of graphs would be older than this.
  rmSync(join(info, 'commit-graphs'), { recursive: true, force: true });
  if (durability === 'full') await syncDirectory(info);
  return true;
}

/** Undefined when there is none, or none whose filters are like ours. */
function readOldGraph(file: string): GraphLayer | undefined {
  try {
    const bytes = readFileSync(file);
    const layout = parseGraphLayout(bytes, bytes.length);
    const read = (name: string): Buffer | undefined => {
      const chunk = layout.chunks.get(name);
      return chunk && bytes.subarray(chunk.start, chunk.end);
    };
    if (layout.baseCount > 0) return undefined;
    const graph = new GraphLayer(layout, read, 0);
    const settings = graph.filterSettings;
    const isOurs =
      settings?.version === FILTER_VERSION &&
      settings.hashCount === FILTER_HASHES &&
      settings.bitsPerPath === FILTER_BITS;
    return isOurs ? graph : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof CorruptObjectError || code === 'ENOENT' || code === 'EACCES') {
      return undefined;
    }
    throw error;
  }
}

function isSameGraph(graph: GraphLayer, ids: Buffer): boolean {
  const count = ids.length / ID_LENGTH;
  if (graph.count !== count) return false;
  for (let row = 0; row < count; row++) {
    if (graph.idAt(row) !== ids.toString('hex', row * ID_LENGTH, (row + 1) * ID_LENGTH))
      return false;
  }
  return true;
}

/**
 * The commit-graph of an object directory in Git's format: one file `info/commit-graph`, or a chain of
 * files below `info/commit-graphs`. An unreadable file counts as missing: the commits give the same
 * answers, only more slowly.
 */

import { join } from 'node:path';
import { CorruptObjectError } from '../../errors.ts';
import { pathHashes } from '../../git/commitGraph/changedPaths.ts';
import {
  GRAPH_HEADER_LENGTH,
  GraphLayer,
  graphLayoutLength,
  inCircles,
  parseGraphLayout,
  Stop,
  type WalkPlace,
} from '../../git/commitGraph/commitGraph.ts';
import { isObjectId, type ObjectId } from '../../git/objectId.ts';
import type { CommitSummary } from '../../git/objects/commitText.ts';
import { typedFault } from '../../systemFaults.ts';
import { isErrno, readFullySync } from '../disk/durable.ts';
import { closeSync, fstatSync, openSync, readFileSync } from '../disk/fs.ts';
import type { CommitGraph } from '../shortcuts.ts';

const TRAILER = 20;
/** Bytes at the beginning of a file that hold the layout of every file that Git writes. */
const HEAD = 1 << 10;
/** Yields to the event loop after this many commits. */
const STRETCH = 16 << 10;

/**
 * The graph of the first of these object directories that has one.
 * @param objectsDirs the repository's own and those of its alternates
 */
export function openCommitGraph(objectsDirs: readonly string[]): CommitGraph | undefined {
  for (const directory of objectsDirs) {
    const layers = readLayers(directory, objectsDirs);
    if (layers.length > 0) return new LayeredGraph(layers);
  }
  return undefined;
}

function readLayers(directory: string, all: readonly string[]): GraphLayer[] {
  const single = tryReadLayer(join(directory, 'info', 'commit-graph'), 0, 0);
  if (single !== undefined) return [single];
  const layers: GraphLayer[] = [];
  let first = 0;
  for (const hash of readChain(directory)) {
    // The older files of a chain may be in an alternate.
    let layer: GraphLayer | undefined;
    for (const place of [directory, ...all]) {
      const file = join(place, 'info', 'commit-graphs', `graph-${hash}.graph`);
      layer ??= tryReadLayer(file, first, layers.length);
    }
    // Files above a missing one refer to its commits. Those below it are complete.
    if (layer === undefined) break;
    layers.push(layer);
    first += layer.count;
  }
  return layers;
}

function readChain(directory: string): string[] {
  try {
    const text = readFileSync(
      join(directory, 'info', 'commit-graphs', 'commit-graph-chain'),
      'latin1',
    );
    return text.split('\n').filter(isObjectId);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

function tryReadLayer(file: string, first: number, below: number): GraphLayer | undefined {
  try {
    return readLayer(file, first, below);
  } catch (error) {
    if (error instanceof CorruptObjectError) return undefined;
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  }
}

/** Reads all but filters and summaries, which are larger than the rest and are read on first use. */
function readLayer(file: string, first: number, below: number): GraphLayer {
  let open: OpenGraph | undefined = openGraph(file);
  const { layout, trailer } = open;
  if (layout.baseCount !== below) {
    closeSync(open.fd);
    throw new CorruptObjectError('it has another place in its chain');
  }
  const read = (name: string): Buffer | undefined => {
    const chunk = layout.chunks.get(name);
    if (chunk === undefined) return undefined;
    const { start, end } = chunk;
    const bytes = Buffer.allocUnsafeSlow(end - start);
    if (open === undefined) return readAgain(file, trailer, bytes, start) ? bytes : undefined;
    fill(open.fd, bytes, start);
    return bytes;
  };
  try {
    return new GraphLayer(layout, read, first);
  } finally {
    closeSync(open.fd);
    open = undefined;
  }
}

/** Reads a part of a file that was open before; false when that file is gone. */
function readAgain(file: string, trailer: Buffer, bytes: Buffer, start: number): boolean {
  try {
    const again = openGraph(file);
    try {
      // Another process may have written a newer one meanwhile.
      if (!again.trailer.equals(trailer)) return false;
      fill(again.fd, bytes, start);
      return true;
    } finally {
      closeSync(again.fd);
    }
  } catch (error) {
    if (error instanceof CorruptObjectError || isErrno(error, 'ENOENT', 'EACCES')) return false;
    throw typedFault(error, file);
  }
}

interface OpenGraph {
  readonly fd: number;
  readonly layout: ReturnType<typeof parseGraphLayout>;
  /** The checksum at the end, which distinguishes this file from a newer one of the same name. */
  readonly trailer: Buffer;
}

function openGraph(file: string): OpenGraph {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size < GRAPH_HEADER_LENGTH + TRAILER) throw new CorruptObjectError('it is cut off');
    let head = readRange(fd, 0, Math.min(size, HEAD));
    const length = Math.min(size, graphLayoutLength(head));
    if (length > head.length) head = readRange(fd, 0, length);
    const trailer = readRange(fd, size - TRAILER, size);
    return { fd, layout: parseGraphLayout(head, size), trailer };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readRange(fd: number, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  fill(fd, bytes, start);
  return bytes;
}

/** @throws CorruptObjectError when the file ends before */
function fill(fd: number, bytes: Buffer, start: number): void {
  const got = readFullySync(fd, bytes, bytes.length, start);
  if (got < bytes.length) throw new CorruptObjectError('it is cut off');
}

/** By file; undefined for one whose filters are of an unsupported kind. */
type PathHashes = ReadonlyMap<GraphLayer, readonly Uint32Array[] | undefined>;

class LayeredGraph implements CommitGraph {
  readonly count: number;
  /** Oldest first. */
  readonly #layers: readonly GraphLayer[];
  readonly #newest: GraphLayer;
  #asked: { readonly path: string; readonly hashes: PathHashes } | undefined;

  constructor(layers: readonly GraphLayer[]) {
    this.#layers = layers;
    this.#newest = layers.at(-1)!;
    this.count = this.#newest.first + this.#newest.count;
  }

  find(id: ObjectId): number | undefined {
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const layer = this.#layers[i]!;
      const row = layer.rowOf(id);
      if (row >= 0) return layer.first + row;
    }
    return undefined;
  }

  id(position: number): ObjectId {
    const layer = this.#layerOf(position);
    return layer.idAt(position - layer.first);
  }

  tree(position: number): ObjectId {
    const layer = this.#layerOf(position);
    return layer.treeAt(position - layer.first);
  }

  firstParent(position: number): number | undefined {
    const layer = this.#layerOf(position);
    const parent = layer.firstParentAt(position - layer.first);
    return parent < 0 ? undefined : parent;
  }

  parents(position: number): number[] {
    const layer = this.#layerOf(position);
    return layer.parentsAt(position - layer.first);
  }

  summary(position: number): CommitSummary | undefined {
    const layer = this.#layerOf(position);
    return layer.summaryAt(position - layer.first);
  }

  time(position: number): number {
    const layer = this.#layerOf(position);
    return layer.timeAt(position - layer.first);
  }

  generation(position: number): number {
    const layer = this.#layerOf(position);
    return layer.levelAt(position - layer.first);
  }

  ancestor(position: number, steps: number): { position: number } | { fewer: number } {
    const most = Math.min(steps, this.count);
    const place: WalkPlace = { position, left: most };
    if (this.#walk(place) === Stop.end) return { fewer: most - place.left };
    if (steps > most) throw inCircles();
    return { position: place.position };
  }

  changesOf(path: string, position: number): () => number | 'pause' | undefined {
    const hashes = this.#hashesOf(path);
    const place: WalkPlace = { position, left: 0 };
    // Upper bound for the number of commits still to come.
    let left = this.count;
    let isPassed = false;
    return () => {
      if (left === 0) throw inCircles();
      const before = Math.min(left, STRETCH);
      place.left = before;
      if (isPassed && this.#step(place) === Stop.end) return undefined;
      const stop = this.#walk(place, hashes);
      left -= before - place.left;
      if (stop === Stop.end) return undefined;
      isPassed = stop === Stop.change;
      return isPassed ? place.position : 'pause';
    };
  }

  /** The hashes of a path for the filters of each file. Caches those of the last path. */
  #hashesOf(path: string): PathHashes {
    if (this.#asked?.path !== path) {
      const hashes = this.#layers.map((layer) => {
        const settings = layer.filterSettings;
        return [layer, settings && pathHashes(path, settings)] as const;
      });
      this.#asked = { path, hashes: new Map(hashes) };
    }
    return this.#asked.hashes;
  }

  /** Walks through all files until there is a reason to stop other than the end of a file. */
  #walk(place: WalkPlace, hashes?: PathHashes): Stop {
    for (;;) {
      const layer = this.#layerOf(place.position);
      const its = hashes?.get(layer);
      // Without a filter any commit may have changed the path.
      if (hashes !== undefined && its === undefined) return Stop.change;
      const stop = layer.walk(place, its);
      if (stop !== Stop.elsewhere) return stop;
    }
  }

  #step(place: WalkPlace): Stop {
    const parent = this.firstParent(place.position);
    if (parent === undefined) return Stop.end;
    place.position = parent;
    place.left--;
    return Stop.arrived;
  }

  #layerOf(position: number): GraphLayer {
    if (position >= this.#newest.first && position < this.count) return this.#newest;
    const layer = this.#layers.find(
      ({ first, count }) => position >= first && position < first + count,
    );
    if (layer === undefined) {
      throw new CorruptObjectError(`The commit-graph is corrupt: it has no commit ${position}`);
    }
    return layer;
  }
}

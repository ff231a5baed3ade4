import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { filterMayHold, pathHashes } from '../../src/git/changedPaths.ts';
import { GraphLayer, graphLayoutLength, parseGraphLayout } from '../../src/git/commitGraph.ts';
import { GraphWalk, type Stop, type WalkPlace } from '../../src/git/graphWalk.ts';
import { TrackedEntry } from '../../src/git/treeDelta.ts';
import { serializeTree } from '../../src/git/treeWriter.ts';
import { seed } from '../crash/stress.ts';
import { git } from '../helpers/git.ts';
import { imported, PATHS, randomHistory } from '../store/importedHistory.ts';
import { damaged, survives } from './arbitraries.ts';
import { makeDelta } from './makeDelta.ts';

let store = '';
let bytes: Buffer;

beforeAll(() => {
  store = imported(randomHistory(200, 11));
  git(store, 'commit-graph', 'write', '--reachable', '--changed-paths');
  bytes = readFileSync(join(store, 'objects/info/commit-graph'));
});

function parse(file: Buffer, first = 0): GraphLayer {
  const layout = parseGraphLayout(file.subarray(0, graphLayoutLength(file)), file.length);
  const read = (name: string): Buffer | undefined => {
    const chunk = layout.chunks.get(name);
    return chunk && file.subarray(chunk.start, chunk.end);
  };
  return new GraphLayer(layout, read, first);
}

/** The same, for walks in WebAssembly. */
function parseForWalks(file: Buffer, first = 0): GraphLayer {
  const layout = parseGraphLayout(file.subarray(0, graphLayoutLength(file)), file.length);
  let walk: GraphWalk | undefined;
  const read = (name: string): Buffer | undefined => {
    const chunk = layout.chunks.get(name);
    const bytes = chunk && file.subarray(chunk.start, chunk.end);
    const part = walk?.part(name);
    if (bytes !== undefined) part?.set(bytes);
    return part ?? bytes;
  };
  return new GraphLayer(layout, read, first, (count) => {
    walk = GraphWalk.open(layout.chunks, first, count);
    expect(walk).toBeDefined();
    return walk;
  });
}

it('says of every commit what Git says', () => {
  const graph = parse(bytes);
  const lines = git(store, 'log', '--all', '--format=%H %T %ct %P').split('\n');
  expect(graph.count).toBe(lines.length);
  const levels = new Map<string, number>();
  for (const line of lines.reverse()) {
    const [id, tree, time, ...parents] = line.split(' ') as [string, string, string, ...string[]];
    const row = graph.rowOf(id);
    expect(graph.idAt(row)).toBe(id);
    expect(graph.treeAt(row)).toBe(tree);
    expect(graph.timeAt(row)).toBe(Number(time));
    expect(graph.parentsAt(row).map((parent) => graph.idAt(parent))).toEqual(
      parents.filter(Boolean),
    );
    levels.set(id, graph.levelAt(row));
  }
  for (const [id, level] of levels) {
    for (const parent of graph.parentsAt(graph.rowOf(id))) {
      expect(level).toBeGreaterThan(levels.get(graph.idAt(parent))!);
    }
  }
  expect(git(store, 'log', '--all', '--format=%P')).toMatch(/\S+ \S+ \S+/);
  expect(graph.rowOf('0'.repeat(40))).toBe(-1);
});

it('the filters never deny a change, and seldom suspect one', () => {
  const graph = parse(bytes);
  const settings = graph.filterSettings!;
  let suspected = 0;
  let denied = 0;
  for (const path of PATHS) {
    const hashes = pathHashes(path, settings);
    // The version that this Git writes takes bytes above 0x7f as the machine does.
    if (hashes === undefined) {
      expect(path).toBe('caf\u00e9/h');
      continue;
    }
    const changed = new Set(
      git(store, 'log', '--all', '-m', '--first-parent', '--format=%H', '--', path).split('\n'),
    );
    for (let row = 0; row < graph.count; row++) {
      const may = graph.mayHaveChanged(row, hashes);
      if (changed.has(graph.idAt(row))) expect(may).toBe(true);
      else if (may) suspected++;
      else denied++;
    }
  }
  expect(denied).toBeGreaterThan(800);
  expect(suspected / (suspected + denied)).toBeLessThan(0.15);
});

describe('changed-path hashes', () => {
  it('of a path and its directories are found in the filter they make', () => {
    const settings = { version: 2, hashCount: 7 };
    for (const path of ['a', 'dir/sub/file.c', 'caf\u00e9/\u00fc', 'x'.repeat(300)]) {
      const hashes = pathHashes(path, settings)!;
      expect(hashes).toHaveLength(path.split('/').length);
      const filter = Buffer.alloc(64);
      for (const key of hashes)
        for (const hash of key) filter[(hash % 512) >>> 3]! |= 1 << (hash & 7);
      expect(filterMayHold(filter, 0, 64, hashes)).toBe(true);
      expect(filterMayHold(filter, 0, 64, pathHashes(`${path}2`, settings)!)).toBe(false);
      expect(filterMayHold(filter, 5, 5, hashes)).toBe(true);
    }
    expect(pathHashes('a', { version: 3, hashCount: 7 })).toBeUndefined();
    expect(pathHashes('', settings)).toBeUndefined();
  });
});

/** All stops of a walk that goes on behind each change, and where they are. */
function stopsOf(graph: GraphLayer, path: string, from: WalkPlace): (Stop | number)[] {
  const settings = graph.filterSettings;
  const hashes = settings && pathHashes(path, settings);
  const place = { ...from };
  const stops: (Stop | number)[] = [];
  while (stops.length < 2000) {
    const stop = graph.walk(place, hashes);
    // No commit has a position with the highest bit, and which one it is does not matter.
    stops.push(stop, Math.min(place.position, 0x7fffffff), place.left);
    const parent = stop === 1 ? graph.firstParentAt(place.position - graph.first) : -1;
    if (parent < 0 || place.left === 0) break;
    place.position = parent;
    place.left--;
  }
  return stops;
}

it('walks stop at the same places, in WebAssembly and without', () => {
  const graph = parse(bytes, 1000);
  const walking = parseForWalks(bytes, 1000);
  for (const path of [...PATHS, 'none', `long/${'x/'.repeat(400)}end`]) {
    for (const left of [0, 1, 7, 1000]) {
      for (let position = 995; position < 1000 + graph.count + 5; position++) {
        const expected = stopsOf(graph, path, { position, left });
        expect(stopsOf(walking, path, { position, left })).toEqual(expected);
      }
    }
  }
  fc.assert(
    fc.property(damaged(bytes), fc.nat(300), fc.constantFrom(...PATHS), (file, position, path) => {
      survives(() => {
        const from = { position, left: 500 };
        const expected = stopsOf(parse(file), path, from);
        expect(stopsOf(parseForWalks(file), path, from)).toEqual(expected);
      });
    }),
    { numRuns: 200, seed },
  );
});

it('damage is an error or an answer, never a hang', () => {
  fc.assert(
    fc.property(damaged(bytes), (file) => {
      survives(() => {
        const graph = parse(file);
        for (let row = 0; row < Math.min(graph.count, 50); row++) {
          graph.idAt(row);
          graph.parentsAt(row);
        }
        const settings = graph.filterSettings;
        const hashes = settings && pathHashes('a', settings);
        if (hashes) graph.mayHaveChanged(0, hashes);
      });
    }),
    { numRuns: 200, seed },
  );
});

it('an entry followed through a delta is the entry of the tree, or left open', () => {
  const name = fc.constantFrom('a', 'ab', 'abc', 'b', 'name', 'name.c', 'other', 'x1', 'x2', 'zz');
  const id = fc
    .uint8Array({ minLength: 20, maxLength: 20 })
    .map((raw) => Buffer.from(raw).toString('hex'));
  const mode = fc.constantFrom(0o100644, 0o100755, 0o40000);
  const entry = fc.record({ name, mode, id });
  const filler = Array.from({ length: 40 }, (_, i) => ({
    name: `filler${i}`,
    mode: 0o100644,
    id: Buffer.alloc(20, i * 5).toString('hex'),
  }));
  let told = 0;
  fc.assert(
    fc.property(fc.array(entry), fc.array(entry), name, (first, changes, wanted) => {
      const before = new Map([...filler, ...first].map((each) => [each.name, each]));
      const after = new Map(before);
      for (const change of changes) {
        if (change.mode === 0o100755 && after.has(change.name)) after.delete(change.name);
        else after.set(change.name, change);
      }
      const base = serializeTree([...before.values()]);
      const result = serializeTree([...after.values()]);
      const delta = makeDelta(base, result);
      if (delta === undefined) return;
      const followed = new TrackedEntry(wanted);
      followed.find(base);
      if (!followed.follow(delta, delta.length)) return;
      told++;
      const expected = new TrackedEntry(wanted);
      expected.find(result);
      expect(followed.isThere).toBe(expected.isThere);
      if (expected.isThere) expect(followed).toEqual(expected);
    }),
    { numRuns: 500, seed },
  );
  expect(told).toBeGreaterThan(100);
});

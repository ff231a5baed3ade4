import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { filterMayHold, pathHashes } from '../../src/git/commitGraph/changedPaths.ts';
import {
  GraphLayer,
  graphLayoutLength,
  parseGraphLayout,
} from '../../src/git/commitGraph/commitGraph.ts';
import { runs, seed } from '../crash/stress.ts';
import { git } from '../helpers/git.ts';
import { imported, PATHS, randomHistory } from '../store/importedHistory.ts';
import { damaged, survives } from './arbitraries.ts';

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
    { numRuns: runs(200), seed },
  );
});

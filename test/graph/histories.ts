/** Real repositories with a history of some commits, made by `git fast-import`. */
import { join } from 'node:path';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

export interface HistoryOptions {
  readonly commits?: number;
  /** Every so many commits, two lines of work that are merged; 0: none. */
  readonly mergeEvery?: number;
  /** `git gc` at the end; default true. */
  readonly pack?: boolean;
}

/** Numbers that look random and are the same in every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return Math.floor((state / 0x100000000) * below);
  };
}

/**
 * A bare repository: branches `main` and `side`, tags `light`, `v1` (annotated), `nested` (a tag of a
 * tag) and `data` (of a blob). The times of commits go up by a minute each.
 */
export function makeHistory(options: HistoryOptions = {}): string {
  const { commits = 60, mergeEvery = 10, pack = true } = options;
  const store = join(scratchFolder(), 'history.git');
  git(store, 'init', '-q', '--bare', '-b', 'main');
  gitBytes(store, ['fast-import', '--quiet'], Buffer.from(script(commits, mergeEvery)));
  git(store, 'tag', 'light', 'main~3');
  git(store, 'tag', '-a', '-m', 'one', 'v1', 'main~2');
  git(store, 'tag', '-a', '-m', 'tag of a tag', 'nested', 'v1');
  git(store, 'tag', '-a', '-m', 'blob', 'data', 'main:top.txt');
  if (pack) git(store, 'gc', '-q');
  return store;
}

/** Adds commits to a branch, which stay loose. */
export function addCommits(store: string, branch: string, count: number, seed = 7): void {
  const random = randomNumbers(seed);
  const lines: string[] = [];
  const time = Number(git(store, 'log', '-1', '--format=%ct', branch));
  for (let i = 1; i <= count; i++) {
    lines.push(`commit refs/heads/${branch}`);
    lines.push(`committer T <t@localhost> ${time + 60 * i} +0000`, data(`more ${i}`));
    if (i === 1) lines.push(`from refs/heads/${branch}^0`);
    lines.push(`M 100644 inline d${random(4)}/s${random(3)}/f${random(6)}`, data(text(random, i)));
  }
  gitBytes(store, ['-c', 'fastimport.unpackLimit=100000', 'fast-import', '--quiet'], joined(lines));
}

function joined(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\n')}\n`);
}

function script(commits: number, mergeEvery: number): string {
  const random = randomNumbers(42);
  const lines: string[] = [];
  let time = 1_700_000_000;
  const commit = (branch: string, n: number, extra: string[]): void => {
    time += 60;
    lines.push(`commit refs/heads/${branch}`, `mark :${n}`);
    lines.push(`committer T <t@localhost> ${time} +0000`, data(`commit ${n}\n`), ...extra);
    lines.push('M 100644 inline top.txt', data(text(random, n)));
    lines.push(`M 100644 inline d${random(4)}/s${random(3)}/f${random(6)}`, data(text(random, n)));
    if (n % 7 === 0) lines.push('M 100755 inline d1/run.sh', data(`#!/bin/sh\necho ${n}\n`));
    if (n % 11 === 0) lines.push('M 120000 inline link', data(`d${n % 4}`));
    if (n === 5) lines.push('M 160000 1234567890123456789012345678901234567890 module');
  };
  let mark = 0;
  let main = 0;
  let side = 0;
  while (mark < commits) {
    const from = main === 0 ? [] : [`from :${main}`];
    if (mergeEvery > 0 && mark > 0 && mark % mergeEvery === 0) {
      commit('side', ++mark, [`from :${side === 0 ? main : side}`]);
      side = mark;
      commit('main', ++mark, [`from :${main}`, `merge :${side}`]);
    } else {
      commit('main', ++mark, from);
    }
    main = mark;
  }
  return `${lines.join('\n')}\n`;
}

function text(random: (below: number) => number, n: number): string {
  const lines = Array.from({ length: 20 + random(30) }, (_, i) => `line ${i} ${random(5)}`);
  return `${lines.join('\n')}\nversion ${n}\n`;
}

function data(content: string): string {
  return `data ${Buffer.byteLength(content)}\n${content}`;
}

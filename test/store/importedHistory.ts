/** Histories made with `git fast-import`: quick to make, and with everything Git can hold. */
import { join } from 'node:path';
import { seededRandom } from '../crash/stress.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

/** A new bare repository whose HEAD names `main`, with this stream imported. */
export function imported(stream: string | Buffer): string {
  const store = join(scratchFolder(), 'imported.git');
  git(store, 'init', '-q', '--bare', '-b', 'main', store);
  gitBytes(store, ['fast-import', '--quiet', '--date-format=raw'], Buffer.from(stream));
  return store;
}

/** Paths of which every one may be a file now and a directory then. */
export const PATHS = ['a', 'a/b', 'a/b/c', 'a/x', 'd.txt', 'd/e', 'd/f.txt', 'g', 'caf\u00e9/h'];

/**
 * A random history of `count` commits on main: files that come, change, go, come back, change only
 * their mode, give way to directories; side branches that are merged, some of them by an octopus;
 * commits that change nothing.
 */
export function randomHistory(count: number, seed: number): string {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const change = (): string => {
    const path = PATHS[below(PATHS.length)]!;
    if (below(4) === 0) return `D "${path}"\n`;
    const mode = ['100644', '100644', '100755', '120000'][below(4)];
    const data = `${below(5)}\n`;
    return `M ${mode} inline "${path}"\ndata ${data.length}\n${data}\n`;
  };
  const parts: string[] = [];
  let mark = 0;
  const commit = (branch: string, parents: readonly number[], changes: string): number => {
    mark += 1;
    const message = below(3) === 0 ? `fix ${mark}\n\nand more` : `work ${mark}`;
    const who = `Ada <ada@example.org> ${1_500_000_000 + mark * 3600} +0${below(9)}00`;
    parts.push(`commit refs/heads/${branch}\nmark :${mark}\nauthor ${who}\ncommitter ${who}\n`);
    parts.push(`data ${message.length}\n${message}\n`);
    for (const [i, parent] of parents.entries()) {
      parts.push(`${i === 0 ? 'from' : 'merge'} :${parent}\n`);
    }
    parts.push(changes, '\n');
    return mark;
  };
  let tip = commit('main', [], 'M 100644 inline d.txt\ndata 2\n0\n\n');
  while (mark < count) {
    const kind = below(10);
    if (kind === 0) {
      const sides = Array.from({ length: 1 + below(3) }, (_, i) =>
        commit(`side${i}`, [tip], change() + change()),
      );
      tip = commit('main', [tip, ...sides], change());
    } else if (kind === 1) tip = commit('main', [tip], '');
    else tip = commit('main', [tip], change() + (kind < 5 ? change() : ''));
  }
  return parts.join('');
}

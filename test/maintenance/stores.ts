/** Stores that have something to collect. */
import { execFileSync } from 'node:child_process';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { GitStore } from '../../src/index.ts';
import { git, gitBytes, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

export const DAY = 24 * 3600 * 1000;

/** A store with `commits` commits on `main`, whose objects lie loose. */
export async function looseStore(commits = 12): Promise<{ path: string; store: GitStore }> {
  const path = join(scratchFolder(), 'data.git');
  const store = await GitStore.open(path, { durability: 'fast' });
  let fs = await store.fs('main');
  let text = Array.from({ length: 60 }, (_, i) => `line ${i} ${'word '.repeat(i % 9)}\n`).join('');
  for (let i = 0; i < commits; i++) {
    text = text.replace(`line ${i} `, `line ${i} changed in ${i} `);
    fs = await fs.apply({ writes: { 'a/b/file.txt': text, [`other/${i % 5}.txt`]: `${i}\n` } });
  }
  return { path, store };
}

export function packsOf(path: string): string[] {
  return readdirSync(join(path, 'objects/pack')).filter((name) => name.endsWith('.pack'));
}

export function looseCount(path: string): number {
  return Number(/^count: (\d+)$/m.exec(git(path, 'count-objects', '-v'))![1]);
}

/** Writes a blob that nothing refers to, loose, and gives it an age. */
export function looseBlob(path: string, text: string, age: number): string {
  const id = gitBytes(path, ['hash-object', '-w', '--stdin'], Buffer.from(text)).toString().trim();
  setAge(join(path, 'objects', id.slice(0, 2), id.slice(2)), age);
  return id;
}

/** @param age in milliseconds */
export function setAge(file: string, age: number): void {
  const time = (Date.now() - age) / 1000;
  utimesSync(file, time, time);
}

export function hasObject(path: string, id: string): boolean {
  try {
    execFileSync('git', ['--git-dir', path, 'cat-file', '-e', id], {
      env: gitEnvironment,
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

/** Every object with its type and size, as Git lists them. */
export function allObjects(path: string): string {
  const listing = git(path, 'cat-file', '--batch-check', '--batch-all-objects');
  return listing.split('\n').sort().join('\n');
}

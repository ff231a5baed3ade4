/** The `objects` directories of a repository: its own and its alternates (gitrepository-layout(5)). */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { isErrno } from './durable.ts';
import { PackDirectory } from './packDirectory.ts';
import type { ReadCache } from './readCache.ts';

const MAX_ALTERNATE_DEPTH = 5;

export interface ObjectDirectory {
  readonly path: string;
  readonly packs: PackDirectory;
}

/** The directory itself first, then its alternates, each once. */
export function openWithAlternates(objectsDir: string, cache: ReadCache): ObjectDirectory[] {
  return listObjectDirectories(objectsDir).map((path) => ({
    path,
    packs: new PackDirectory(join(path, 'pack'), cache),
  }));
}

/** Paths: the directory itself first, then its alternates, each once. */
export function listObjectDirectories(objectsDir: string): string[] {
  const found = new Set<string>();
  const visit = (path: string, depth: number): void => {
    if (found.has(path) || depth > MAX_ALTERNATE_DEPTH) return;
    found.add(path);
    for (const other of readAlternates(path)) visit(other, depth + 1);
  };
  visit(resolve(objectsDir), 0);
  return [...found];
}

function readAlternates(objectsDir: string): string[] {
  let text: string;
  try {
    text = readFileSync(join(objectsDir, 'info', 'alternates'), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => (isAbsolute(line) ? resolve(line) : resolve(objectsDir, line)))
    .filter((path) => existsSync(path) && path !== dirname(path));
}

/** Stores for tests: a clock that moves one second a call, one author, one time zone. */
import { createMemoryStorage, type FS, GitStore, type StoreOptions } from '../../src/index.ts';

/** The first second of the tests' clock. */
export const START = Date.UTC(2024, 0, 1) / 1000;

export function steadyOptions(): StoreOptions {
  let seconds = START - 1;
  return {
    author: 'Ada',
    email: 'ada@example.org',
    timezoneOffset: 90,
    now: () => {
      seconds += 1;
      return seconds * 1000;
    },
  };
}

/** A new store in memory with the branch `main`. */
export function memoryStore(options: StoreOptions = {}): Promise<GitStore> {
  return GitStore.over(createMemoryStorage(), { ...steadyOptions(), ...options });
}

/** The current branch's snapshot. */
export async function currentOf(store: GitStore): Promise<FS> {
  const fs = await store.branches.current();
  if (fs === null) throw new Error('The store has no current branch');
  return fs;
}

/** A snapshot with these files on the branch `main` of a new store in memory. */
export async function snapshotWith(files: Record<string, string>): Promise<FS> {
  const fs = await currentOf(await memoryStore());
  return fs.apply({ writes: files });
}

/** All files of a snapshot as text, by path. */
export async function filesOf(fs: FS): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const path of await fs.ls('', { recursive: true })) files[path] = await fs.readText(path);
  return files;
}

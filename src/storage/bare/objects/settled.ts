/**
 * What is known to be on stable storage. A session with durability `full` also relies on objects that
 * it finds in the store, and who wrote those, Git, a writer with `fast` or one that was killed, need not
 * have put them there. So their files are synced before the session ends: each once in the life of an
 * open store, and not at all where it was written here.
 */
import { dirname } from 'node:path';
import { syncDirectory, syncFileAt } from '../../disk/durable.ts';

/** More files than that are not remembered. */
const MOST_KNOWN = 200_000;
/** How many files are open at a time. */
const AT_ONCE = 32;

export class Settled {
  readonly #known = new Set<string>();

  has(path: string): boolean {
    return this.#known.has(path);
  }

  /** Takes note of a loose object or pack that is on stable storage, with its name. */
  add(path: string): void {
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.add(path);
  }

  /** Puts loose objects, and packs with their indexes, on stable storage. */
  async settle(paths: Iterable<string>): Promise<void> {
    const open = [...paths].filter((path) => !this.#known.has(path));
    const directories = new Set<string>();
    for (const path of open) {
      const directory = dirname(path);
      directories.add(directory);
      directories.add(dirname(directory));
    }
    const files = open.flatMap((path) =>
      path.endsWith('.pack') ? [path, path.replace(/pack$/, 'idx')] : [path],
    );
    await inGroups(files, syncFileAt);
    await inGroups([...directories], syncDirectory);
    for (const path of open) this.add(path);
  }
}

async function inGroups(
  paths: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<void> {
  for (let next = 0; next < paths.length; next += AT_ONCE) {
    await Promise.all(paths.slice(next, next + AT_ONCE).map(work));
  }
}

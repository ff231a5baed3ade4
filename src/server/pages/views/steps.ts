/** The way through the history of one path: what changed it last, before that, and after. */
import { isTreeMode } from '../../../git/objects/tree.ts';
import type { FS } from '../../../store/fs.ts';
import type { Tree, TreeReader } from '../../../tree/reader.ts';
import type { Service } from '../../files/service.ts';
import type { Place } from '../../files/snapshots.ts';

export interface Steps {
  /** The snapshot in which the path became what it is. */
  readonly current?: FS | undefined;
  /** The one that changed it before. */
  readonly older?: FS | undefined;
  /** The first one after the one looked at that changes it. */
  readonly newer?: FS | undefined;
  /** False when the time was up before everything was found. */
  readonly complete: boolean;
}

/** The snapshots that changed a path, newest first, until the signal ends the search. */
export async function* changesOf(
  { snapshot, path }: Place,
  signal: AbortSignal,
): AsyncGenerator<FS, boolean, undefined> {
  try {
    yield* snapshot.log({ path, signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

/**
 * Steps from a place.
 * @param tip the snapshot that is served: how far one can step forward
 * @param onChange is handed each change on the way back, and says whether to look farther
 */
export async function stepsOf(
  service: Service,
  tip: Place,
  place: Place,
  signal: AbortSignal,
  onChange: (snapshot: FS) => Promise<boolean> = async () => false,
): Promise<Steps> {
  const newer = await newerOf(service, tip, place, signal);
  const found: FS[] = [];
  const changes = changesOf(place, signal);
  let next = await changes.next();
  for (; !next.done; next = await changes.next()) {
    if (found.length < 2) found.push(next.value);
    const more = await onChange(next.value);
    if (found.length === 2 && !more) break;
  }
  await changes.return(true);
  const [current, older] = found;
  const complete = (next.done !== true || next.value) && !(newer === undefined && signal.aborted);
  return { current, older, newer, complete };
}

async function newerOf(
  { histories }: Service,
  tip: Place,
  { snapshot, path }: Place,
  signal: AbortSignal,
): Promise<FS | undefined> {
  if (snapshot.commitHash === tip.snapshot.commitHash) return undefined;
  const here = await histories.distance(tip.snapshot, snapshot.commitHash);
  let newer: FS | undefined;
  let isLast = true;
  for await (const change of changesOf({ ...tip, path }, signal)) {
    const distance = await histories.distance(tip.snapshot, change.commitHash);
    if (distance === undefined || here === undefined || distance >= here) break;
    isLast = newer === undefined;
    newer = change;
  }
  // Behind the last change there is only what is served now.
  return isLast && newer !== undefined ? tip.snapshot : newer;
}

/** The newest snapshot that changed each name of a directory, as far as the search gets. */
export class LastChanges {
  readonly found = new Map<string, FS>();
  readonly #trees: TreeReader;
  readonly #names: Set<string>;
  readonly #path: string;
  #left: number;

  /** @param steps changes of the directory to look at, at most */
  constructor(trees: TreeReader, path: string, names: Iterable<string>, steps: number) {
    this.#trees = trees;
    this.#path = path;
    this.#names = new Set(names);
    this.#left = steps;
  }

  /** Takes the next older change of the directory; returns whether to look farther. */
  async add(snapshot: FS): Promise<boolean> {
    const parent = await snapshot.parent();
    const after = await this.#tree(snapshot);
    const before = parent === null ? undefined : await this.#tree(parent);
    for (const name of this.#names) {
      const now = after?.get(name);
      const was = before?.get(name);
      if (now?.id === was?.id && now?.mode === was?.mode) continue;
      this.found.set(name, snapshot);
      this.#names.delete(name);
    }
    this.#left -= 1;
    return this.#names.size > 0 && this.#left > 0;
  }

  async #tree({ treeHash }: FS): Promise<Tree | undefined> {
    const entry = await this.#trees.lookup(treeHash, this.#path);
    return entry !== undefined && isTreeMode(entry.mode) ? this.#trees.tree(entry.id) : undefined;
  }
}

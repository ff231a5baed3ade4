/**
 * Runs a delta search over all its positions: on threads when the work is worth starting them, else on this
 * thread, in pieces that do not hold up the event loop.
 */
import { join } from 'node:path';
import { THREADS_READ_PACKS } from '../../../../runtime.ts';
import { removeIfThere, temporaryName } from '../../../disk/durable.ts';
import { existsSync } from '../../../disk/fs.ts';
import { runOnThreads, threadCount } from '../../inventory/threads.ts';
import { type SearchColumns, Task } from './deltaSearch.ts';
import { type SearchTask, startSearch } from './searchTask.ts';

/** Set when the sources are bundled: worker.ts in one piece. */
declare const GITSTORE_REPACK_WORKER: string;

/** Objects in one stretch; the window begins anew with each. */
const STRETCH = 2000;
const STRETCH_BYTES = 32 << 20;
/** Fewer objects are quicker done here. */
const WORTH_THREADS = 1500;

export interface SearchRun {
  readonly task: Omit<SearchTask, 'spillPath' | 'file'>;
  /** Where spill files may lie. */
  readonly packDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** @returns paths of the spill files, for the caller to remove; the first is number 0 */
export async function runSearch(run: SearchRun): Promise<string[]> {
  const { search } = run.task;
  const total = search.objects.length;
  const stretches = cutStretches(search);
  if (stretches.length === 0 || search.objects.length === 0) return [];
  const isWorthIt = THREADS_READ_PACKS && total >= WORTH_THREADS;
  const threads = isWorthIt ? threadCount(stretches.length) : 0;
  const paths = Array.from({ length: Math.max(1, threads) }, () =>
    join(run.packDir, temporaryName('tmp_pack_')),
  );
  try {
    const isDone = threads > 0 && (await searchOnThreads(run, stretches, paths));
    if (!isDone) await searchHere(run, stretches, paths[0]!);
  } catch (error) {
    for (const path of paths) removeIfThere(path);
    throw error;
  }
  // Fewer threads may have started.
  return paths.filter((path) => existsSync(path));
}

type Stretch = readonly [from: number, to: number];

/** Stretches end, where that can be, between the versions of one name and those of another. */
function cutStretches({ objects, size, task }: SearchColumns): Stretch[] {
  const stretches: Stretch[] = [];
  let from = 0;
  let bytes = 0;
  for (let position = 0; position < objects.length; position++) {
    bytes += size[position]!;
    const long = position + 1 - from >= STRETCH || bytes >= STRETCH_BYTES;
    const turn = position > from && (task[position]! & Task.search) !== (task[from]! & Task.search);
    if (!long && !turn) continue;
    stretches.push([from, position + 1]);
    from = position + 1;
    bytes = 0;
  }
  if (from < objects.length) stretches.push([from, objects.length]);
  return stretches;
}

async function searchHere(
  { task, signal, onProgress }: SearchRun,
  stretches: readonly Stretch[],
  spillPath: string,
): Promise<void> {
  const search = startSearch({ ...task, spillPath, file: 0 });
  try {
    for (const [from, to] of stretches) {
      signal?.throwIfAborted();
      search.run(from, to);
      onProgress?.(to, task.search.objects.length);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    search.close();
  }
}

/** @returns false where there are no threads: then nothing is done */
function searchOnThreads(
  { task, signal, onProgress }: SearchRun,
  stretches: readonly Stretch[],
  paths: readonly string[],
): Promise<boolean> {
  const total = task.search.objects.length;
  let done = 0;
  return runOnThreads<Stretch, undefined>({
    source: GITSTORE_REPACK_WORKER,
    workerData: paths.map((spillPath, file): SearchTask => ({ ...task, spillPath, file })),
    pieces: stretches,
    signal,
    onDone: ([from, to]) => {
      done += to - from;
      onProgress?.(done, total);
    },
  });
}

/**
 * Runs a delta search over all its positions: on threads where the work is worth their start, else
 * here, in stretches that let others have their turn.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { CorruptObjectError } from '../../../errors.ts';
import { removeIfThere, temporaryName } from '../durable.ts';
import { type SearchColumns, Task } from './deltaSearch.ts';
import { GoneError } from './objectBytes.ts';
import { type SearchTask, startSearch } from './searchTask.ts';

/** The source of worker.ts in one piece, put in when the program is bundled; not there in tests. */
declare const GITSTORE_REPACK_WORKER: string | undefined;

/** Objects in one stretch; the window begins anew with each. */
const STRETCH = 2000;
const STRETCH_BYTES = 32 << 20;
/** Fewer objects are quicker done here. */
const WORTH_THREADS = 1500;
const MAX_THREADS = 8;

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
  const source = typeof GITSTORE_REPACK_WORKER === 'string' ? GITSTORE_REPACK_WORKER : undefined;
  const threads =
    source === undefined || total < WORTH_THREADS
      ? 0
      : Math.min(availableParallelism(), MAX_THREADS, stretches.length);
  const paths = Array.from({ length: Math.max(1, threads) }, () =>
    join(run.packDir, temporaryName('tmp_pack_')),
  );
  try {
    if (threads === 0) await searchHere(run, stretches, paths[0]!);
    else await searchOnThreads(run, stretches, paths, source!);
  } catch (error) {
    for (const path of paths) removeIfThere(path);
    throw error;
  }
  return paths;
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

interface Answer {
  readonly error?: string;
  readonly objectId?: string;
  readonly gone?: boolean;
}

async function searchOnThreads(
  { task, signal, onProgress }: SearchRun,
  stretches: readonly Stretch[],
  paths: readonly string[],
  source: string,
): Promise<void> {
  const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
  const threads: Worker[] = [];
  let next = 0;
  let done = 0;
  try {
    await Promise.all(
      paths.map(
        (spillPath, file) =>
          new Promise<void>((resolve, reject) => {
            const workerData: SearchTask = { ...task, spillPath, file };
            const thread = new Thread(source, { eval: true, workerData });
            threads.push(thread);
            let current: Stretch | undefined;
            const goOn = () => {
              if (signal?.aborted) return reject(signal.reason);
              current = stretches[next++];
              if (current === undefined) return resolve();
              const [from, to] = current;
              thread.postMessage({ from, to });
            };
            thread.on('message', ({ error, objectId, gone }: Answer) => {
              if (error !== undefined) {
                const isGone = gone && objectId !== undefined;
                reject(
                  isGone ? new GoneError(objectId) : new CorruptObjectError(error, { objectId }),
                );
                return;
              }
              done += current === undefined ? 0 : current[1] - current[0];
              onProgress?.(done, task.search.objects.length);
              goOn();
            });
            thread.on('error', reject);
            thread.on('exit', () => reject(new Error('A thread of the delta search has ended')));
            goOn();
          }),
      ),
    );
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

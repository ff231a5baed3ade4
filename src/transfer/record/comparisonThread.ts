/**
 * A second thread for the comparison of a large record with the disk (recordComparison.ts). It takes the
 * directories from the last one down while the caller takes them from the first one up, until they meet.
 * It only marks entries that are certainly unchanged. The caller looks at all others itself, also when the
 * thread has failed.
 */
import { availableParallelism } from 'node:os';
import { hasLoneSurrogate } from '../../git/pathBytes.ts';
import { WorkerPool } from '../../threads/workerPool.ts';
import { joinDisk } from '../disk/localPaths.ts';
import { type ComparisonRequest, SAME_DIRECTORY, SAME_FILE } from './comparison.ts';
import type { RecordColumns } from './recordFormat.ts';

/** Set when the sources are bundled: comparisonWorker.ts in one piece. */
declare const GITSTORE_COMPARISON_WORKER: string;

/** Below this number of entries a thread does not pay. */
const FEW = 4000;

/** Milliseconds after which an unused thread ends. */
const IDLE = 10_000;

export class ComparisonThread {
  readonly #reached = new Int32Array(new SharedArrayBuffer(4));
  readonly #done: Uint8Array<SharedArrayBuffer>;
  readonly #marks: Uint8Array<SharedArrayBuffer>;

  private constructor(directories: number, entries: number) {
    this.#done = new Uint8Array(new SharedArrayBuffer(directories));
    this.#marks = new Uint8Array(new SharedArrayBuffer(entries));
  }

  /** Starts on a whole record; undefined when the caller alone is as quick. */
  static start(
    path: string,
    { entries, directories, names }: RecordColumns,
    { device, follow }: Pick<ComparisonRequest, 'device' | 'follow'>,
  ): ComparisonThread | undefined {
    const [entryCount, directoryCount] = [entries.length / 5, directories.length / 4];
    if (entryCount < FEW || availableParallelism() < 2 || hasLoneSurrogate(path)) return undefined;
    // For a single comparison the start of the thread costs as much as it saves.
    if (comparisons++ === 0) return undefined;
    const thread = new ComparisonThread(directoryCount, entryCount);
    const request: ComparisonRequest = {
      lead: joinDisk(path, ''),
      columns: { entries, directories, names },
      device,
      follow,
      reached: thread.#reached,
      done: thread.#done,
      marks: thread.#marks,
    };
    lend(request);
    return thread;
  }

  /** Records that the caller has come to a directory, so the thread leaves it and those before it. */
  reach(directory: number): void {
    Atomics.store(this.#reached, 0, directory);
  }

  /** Ends the work. */
  stop(): void {
    this.reach(this.#done.length);
  }

  /** Whether the marks of a directory's entries are final. */
  hasDone(directory: number): boolean {
    return Atomics.load(this.#done, directory) === 1;
  }

  /** Whether the entries from one number to another are all unchanged files. */
  areSameFiles(from: number, to: number): boolean {
    for (let entry = from; entry < to; entry++) {
      if (this.#marks[entry] !== SAME_FILE) return false;
    }
    return true;
  }

  isSameFile(entry: number): boolean {
    return this.#marks[entry] === SAME_FILE;
  }

  /** Whether the entry is a directory in the recorded state, so that it has the recorded names. */
  isSameDirectory(entry: number): boolean {
    return this.#marks[entry] === SAME_DIRECTORY;
  }
}

/** Comparisons of large records by this process. */
let comparisons = 0;
let pool: WorkerPool<ComparisonRequest, void> | undefined;
let ending: NodeJS.Timeout | undefined;

/** Hands a request to the thread, which the process keeps for a while. */
function lend(request: ComparisonRequest): void {
  clearTimeout(ending);
  pool ??= new WorkerPool({ source: GITSTORE_COMPARISON_WORKER, size: 1 });
  const end = (): void => {
    clearTimeout(ending);
    ending = setTimeout(() => {
      void pool?.close();
      pool = undefined;
    }, IDLE);
    ending.unref();
  };
  // Without the thread's marks the caller looks at everything itself.
  pool.run(request).then(end, end);
}

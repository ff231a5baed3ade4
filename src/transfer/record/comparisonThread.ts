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
import type { RecordColumns } from './recordFormat.ts';

/** Below this number of entries a thread does not pay. */
const FEW = 4000;

/** Milliseconds after which an unused thread ends. */
const IDLE = 10_000;

/** Marks of entries: none; a file that is unchanged; a directory with the recorded state. */
const SAME_FILE = 1;
const SAME_DIRECTORY = 2;

interface Request {
  /** The directory, with a slash at the end. */
  readonly lead: string;
  readonly columns: Pick<RecordColumns, 'entries' | 'directories' | 'names'>;
  readonly device: number | undefined;
  readonly follow: boolean;
  /** The number of the directory that the caller has come to. */
  readonly reached: Int32Array<SharedArrayBuffer>;
  /** By directory: 1 when its entries have their final marks. */
  readonly done: Uint8Array<SharedArrayBuffer>;
  readonly marks: Uint8Array<SharedArrayBuffer>;
}

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
    { device, follow }: Pick<Request, 'device' | 'follow'>,
  ): ComparisonThread | undefined {
    const [entryCount, directoryCount] = [entries.length / 5, directories.length / 4];
    if (entryCount < FEW || availableParallelism() < 2 || hasLoneSurrogate(path)) return undefined;
    // For a single comparison the start of the thread costs as much as it saves.
    if (comparisons++ === 0) return undefined;
    const thread = new ComparisonThread(directoryCount, entryCount);
    const request: Request = {
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
let pool: WorkerPool<Request, object> | undefined;
let ending: NodeJS.Timeout | undefined;

/** Hands a request to the thread, which the process keeps for a while. */
function lend(request: Request): void {
  clearTimeout(ending);
  pool ??= new WorkerPool(compareMain, 1);
  const end = (): void => {
    clearTimeout(ending);
    ending = setTimeout(() => {
      void pool?.close();
      pool = undefined;
    }, IDLE);
    ending.unref();
  };
  // Without the thread's marks the caller looks at everything itself.
  pool.run(request, []).then(end, end);
}

/** The thread's code. Runs from its source text, so it refers to nothing outside itself. */
function compareMain(): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { lstatSync, statSync } = process.getBuiltinModule('node:fs');
  parentPort!.on('message', ({ lead, columns, device, follow, reached, done, marks }: Request) => {
    try {
      const { entries, directories, names } = columns;
      const text = Buffer.from(names.buffer, names.byteOffset, names.length);
      const quiet = { throwIfNoEntry: false } as const;
      // By directory: its path with a slash at the end, and its names; undefined where they are not UTF-8.
      const leads: (string | undefined)[] = [lead];
      const lists: string[][] = [];
      for (let directory = 0; directory < done.length; directory++) {
        const [first, count, start, length] = directories.subarray(
          4 * directory,
          4 * directory + 4,
        );
        const joined = text.toString('utf8', start, start! + length!);
        const list = joined === '' ? [] : joined.split('/');
        lists.push(list);
        if (joined.includes('\ufffd')) leads[directory] = undefined;
        for (let i = 0; i < count!; i++) {
          const at = 5 * (first! + i);
          if (entries[at + 4] !== 0o040000) continue;
          const above = leads[directory];
          leads[entries[at]!] = above === undefined ? undefined : `${above}${list[i]}/`;
        }
      }
      for (let directory = done.length - 1; directory > Atomics.load(reached, 0); directory--) {
        const above = leads[directory];
        if (above === undefined) continue;
        const first = directories[4 * directory]!;
        const list = lists[directory]!;
        try {
          for (let i = 0; i < list.length; i++) {
            const path = above + list[i];
            const stats = follow ? statSync(path, quiet) : lstatSync(path, quiet);
            if (stats === undefined) continue;
            const at = 5 * (first + i);
            const type = stats.mode & 0o170000;
            const isExecutable = (stats.mode & 0o100) !== 0;
            const mode = type !== 0o100000 ? type : isExecutable ? 0o100755 : 0o100644;
            const isSame =
              entries[at + 4] === mode &&
              entries[at + 1] === stats.mtimeMs &&
              entries[at + 2] === stats.ctimeMs &&
              entries[at + 3] === stats.ino;
            if (!isSame) continue;
            if (mode === 0o040000) marks[first + i] = stats.dev === device ? 2 : 0;
            else if (entries[at] === stats.size) marks[first + i] = 1;
          }
        } catch {
          // The caller meets the error too, and reports it.
          continue;
        }
        Atomics.store(done, directory, 1);
      }
      parentPort!.postMessage({});
    } catch (error) {
      parentPort!.postMessage({ error: String(error) });
    }
  });
}

/** Work in pieces, handed out to threads one piece after the other. */
import { availableParallelism } from 'node:os';
import { CorruptObjectError } from '../../../errors.ts';
import { ThreadFailure, WorkerPool } from '../../../threads/workerPool.ts';
import { GoneError } from './objectBytes.ts';

const MAX_THREADS = 8;

/** Number of threads to use for this many pieces of work. */
export function threadCount(pieces: number): number {
  return Math.min(availableParallelism(), MAX_THREADS, pieces);
}

export interface ThreadWork<Piece, Result> {
  /** What a thread runs: it answers each piece with its result. */
  readonly source: string;
  /** What each thread is given at its start; as many threads are started. */
  readonly workerData: readonly unknown[];
  readonly pieces: readonly Piece[];
  readonly signal?: AbortSignal | undefined;
  readonly onDone: (piece: Piece, result: Result) => void;
}

/**
 * @returns false where the system allows no thread: then nothing is done
 * @throws what a thread met; all threads are ended then
 */
export async function runOnThreads<Piece, Result>(
  work: ThreadWork<Piece, Result>,
): Promise<boolean> {
  const { source, workerData, pieces, signal, onDone } = work;
  const data = (number: number): unknown => workerData[number];
  const pool = new WorkerPool<Piece, Result>({ source, size: workerData.length, data });
  try {
    pool.start();
  } catch {
    return false;
  }
  let next = 0;
  const keepOneBusy = async (): Promise<void> => {
    while (next < pieces.length) {
      signal?.throwIfAborted();
      const piece = pieces[next++]!;
      onDone(piece, await pool.run(piece));
    }
  };
  try {
    await Promise.all(workerData.map(keepOneBusy));
    return true;
  } catch (error) {
    next = pieces.length;
    throw error instanceof ThreadFailure ? errorOf(error) : error;
  } finally {
    // Waits for the pieces under way: a thread may be creating a zlib handle, see `drop`.
    await pool.close();
  }
}

type Failure = ThreadFailure & { code?: string; objectId?: string; isGone?: boolean };

function errorOf(failure: Failure): Error {
  const { message, code, objectId, isGone } = failure;
  if (isGone && objectId !== undefined) return new GoneError(objectId);
  // A full disk, say, is no fault of the store.
  return code === 'ECORRUPT' ? new CorruptObjectError(message, { objectId }) : failure;
}

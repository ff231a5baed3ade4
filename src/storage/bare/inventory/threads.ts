/** Work in pieces, handed out to threads one piece after the other. */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { CorruptObjectError } from '../../../errors.ts';
import { GoneError } from './objectBytes.ts';

const MAX_THREADS = 8;

/** Number of threads to use for this many pieces of work. */
export function threadCount(pieces: number): number {
  return Math.min(availableParallelism(), MAX_THREADS, pieces);
}

export interface ThreadWork<Piece, Result> {
  /** What a thread runs. It answers each piece with an `Answer`. */
  readonly source: string;
  /** What each thread is given at its start; as many threads are started. */
  readonly workerData: readonly unknown[];
  readonly pieces: readonly Piece[];
  readonly signal?: AbortSignal | undefined;
  readonly onDone: (piece: Piece, result: Result) => void;
}

/** What a thread says when a piece is done, or has failed. */
export interface Answer<Result> {
  readonly result?: Result;
  readonly error?: { readonly message: string; readonly objectId?: string; readonly gone: boolean };
}

/** @throws what a thread met; all threads are ended then */
export async function runOnThreads<Piece, Result>(work: ThreadWork<Piece, Result>): Promise<void> {
  const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
  const { source, pieces, signal, onDone } = work;
  const threads: Worker[] = [];
  let next = 0;
  const runOne = (workerData: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      const thread = new Thread(source, { eval: true, workerData });
      threads.push(thread);
      let current: Piece | undefined;
      const goOn = (): void => {
        if (signal?.aborted) {
          reject(signal.reason);
        } else if (next === pieces.length) {
          resolve();
        } else {
          current = pieces[next++]!;
          thread.postMessage(current);
        }
      };
      thread.on('message', ({ result, error }: Answer<Result>) => {
        if (error !== undefined) {
          reject(failure(error));
          return;
        }
        try {
          onDone(current!, result!);
        } catch (thrown) {
          reject(thrown);
          return;
        }
        goOn();
      });
      thread.on('error', reject);
      thread.on('exit', () => reject(new Error('A thread has ended before its work was done')));
      goOn();
    });
  try {
    await Promise.all(work.workerData.map(runOne));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

function failure({ message, objectId, gone }: NonNullable<Answer<unknown>['error']>): Error {
  if (gone && objectId !== undefined) return new GoneError(objectId);
  return new CorruptObjectError(message, { objectId });
}

/** The part of an error that crosses the border between threads. */
export function answerOf(error: unknown): Answer<never> {
  const { message, objectId } = error as { message: string; objectId?: string };
  const gone = error instanceof GoneError;
  return { error: { message, gone, ...(objectId !== undefined && { objectId }) } };
}

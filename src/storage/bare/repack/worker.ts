/** What a thread of a repack runs: stretches of the delta search, one a message. */
import { parentPort, workerData } from 'node:worker_threads';
import { GoneError } from './objectBytes.ts';
import { type SearchTask, startSearch } from './searchTask.ts';

const search = startSearch(workerData as SearchTask);

parentPort?.on('message', ({ from, to }: { from: number; to: number }) => {
  try {
    search.run(from, to);
    parentPort?.postMessage({});
  } catch (error) {
    const { message, objectId } = error as { message: string; objectId?: string };
    parentPort?.postMessage({ error: message, objectId, gone: error instanceof GoneError });
  }
});

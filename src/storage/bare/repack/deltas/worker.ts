/** What a thread of a repack runs: stretches of the delta search, one a message. */
import { parentPort, workerData } from 'node:worker_threads';
import { answerOf } from '../../inventory/threads.ts';
import { type SearchTask, startSearch } from './searchTask.ts';

const search = startSearch(workerData as SearchTask);

parentPort?.on('message', ([from, to]: readonly [from: number, to: number]) => {
  try {
    search.run(from, to);
    parentPort?.postMessage({});
  } catch (error) {
    parentPort?.postMessage(answerOf(error));
  }
});

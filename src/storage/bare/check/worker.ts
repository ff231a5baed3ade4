/** What a thread of a check runs: delta trees of one pack, some a message. */
import { parentPort, workerData } from 'node:worker_threads';
import { answerOf } from '../inventory/threads.ts';
import { type CheckTask, PackCheck, type Stretch } from './packTask.ts';

const check = new PackCheck(workerData as CheckTask);

parentPort?.on('message', (stretch: Stretch) => {
  try {
    parentPort?.postMessage({ result: check.run(stretch) });
  } catch (error) {
    parentPort?.postMessage(answerOf(error));
  }
});

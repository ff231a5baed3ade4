/** What a thread of a check runs: delta trees of one pack, some a request. */
import { workerData } from 'node:worker_threads';
import { answerRequests } from '../../../threads/answers.ts';
import { type CheckTask, PackCheck, type Stretch } from './packTask.ts';

const check = new PackCheck(workerData as CheckTask);

answerRequests((stretch: Stretch) => check.run(stretch));

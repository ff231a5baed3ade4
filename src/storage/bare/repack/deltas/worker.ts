/** What a thread of a repack runs: stretches of the delta search, one a request. */
import { workerData } from 'node:worker_threads';
import { answerRequests } from '../../../../threads/answers.ts';
import { type SearchTask, startSearch } from './searchTask.ts';

const search = startSearch(workerData as SearchTask);

answerRequests(([from, to]: readonly [from: number, to: number]) => search.run(from, to));

/** What a thread of an `InflatePool` runs: batches of pack entries, one a request. */
import { answerRequests } from '../../../threads/answers.ts';
import { inflateBatch } from './inflateBatch.ts';

answerRequests(inflateBatch, ({ data }) => [data.buffer as ArrayBuffer]);

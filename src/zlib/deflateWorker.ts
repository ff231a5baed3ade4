/** What a thread of a `DeflatePool` runs: batches of pack entries, one a request. */
import { workerData } from 'node:worker_threads';
import { answerRequests } from '../threads/answers.ts';
import { createCompressor } from './compressor.ts';
import { createDeflater } from './deflateBatch.ts';
import { startQuickDeflate } from './quickDeflate.ts';

const quick = workerData as object | null;

answerRequests(createDeflater(createCompressor(quick && startQuickDeflate(quick))), ({ data }) => [
  data.buffer as ArrayBuffer,
]);

/** What a `WriterThread` runs: batches of jobs, one a request, and at the end null. */
import { answerRequests } from '../../threads/answers.ts';
import { BatchWriter, type WriteReply, type WriteRequest } from './writeBatch.ts';

const writer = new BatchWriter();

answerRequests((request: WriteRequest | null): WriteReply | undefined => {
  if (request !== null) return writer.write(request);
  writer.close();
  return undefined;
});

/** What a worker thread runs to answer the requests of its `WorkerPool`. */
import { parentPort, type TransferListItem } from 'node:worker_threads';

/** A message of a thread to its pool. */
export type Message<Reply> = { readonly reply: Reply } | { readonly failure: Failure };

/** The part of an error that crosses the border between threads. */
export interface Failure {
  readonly message: string;
  /** Its own properties, such as a code. */
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * Answers every request, in order.
 * @param answer an error that it throws fails the request
 * @param transfer what of an answer is handed over instead of copied
 */
export function answerRequests<Request, Reply>(
  answer: (request: Request) => Reply,
  transfer: (reply: Reply) => readonly TransferListItem[] = () => [],
): void {
  const send = (message: Message<Reply>, moved?: readonly TransferListItem[]): void =>
    parentPort!.postMessage(message, moved);
  parentPort!.on('message', (request: Request) => {
    let reply: Reply;
    try {
      reply = answer(request);
    } catch (error) {
      send({ failure: failureOf(error) });
      return;
    }
    send({ reply }, transfer(reply));
  });
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error), details: {} };
  const plain = Object.entries(error).filter(([, value]) => Object(value) !== value);
  return { message: error.message, details: Object.fromEntries(plain) };
}

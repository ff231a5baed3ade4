/**
 * Whole answers that were given before, ready to be given again. The bytes of a file and all fields
 * around them follow from the tree of the snapshot, the URL and the coding, so nothing here is ever
 * out of date.
 */

import { ByteCache } from '../../byteCache.ts';
import type { FS } from '../../store/fs.ts';
import type { Exchange, ReadyAnswer } from './exchange.ts';
import { type Coding, chooseCoding, wantsJson } from './negotiation.ts';

const CACHE_BYTES = 64 << 20;
/** Larger bodies take so long to be sent that finding them anew does not matter. */
const LARGEST_BODY = 256 << 10;
/** A file has many URLs (`//a`, `/./a`, …): they must not fill the memory. */
const LONGEST_URL = 400;
/** Memory of a map entry, of its URL and of the fields. */
const OVERHEAD = 2_000;

const CODINGS: readonly Coding[] = ['br', 'gzip'];
/** Fields Accept-Encoding that were parsed before: clients send few different ones. */
const codings = new Map<string, Coding>();
const MOST_CODINGS = 200;

export class ReadyAnswers {
  readonly #cache = new ByteCache<ReadyAnswer>(CACHE_BYTES, ({ body }) => body.length + OVERHEAD);

  /** Gives the answer, when it is ready and nothing in the request asks for another. */
  give(exchange: Exchange, snapshot: FS): boolean {
    const { request, response } = exchange;
    const { headers } = request;
    if (
      request.method !== 'GET' ||
      headers['if-none-match'] !== undefined ||
      headers['if-match'] !== undefined ||
      headers.range !== undefined ||
      response.destroyed ||
      wantsJson(headers.accept)
    ) {
      return false;
    }
    const answer = this.#cache.get(keyOf(exchange, snapshot));
    if (answer === undefined) return false;
    exchange.ready(answer);
    return true;
  }

  /** Keeps the answer that the exchange is about to be given. */
  expect(exchange: Exchange, snapshot: FS): void {
    const { length } = exchange.request.url ?? '';
    if (length > LONGEST_URL) return;
    exchange.keep = (answer) => {
      if (answer.body.length <= LARGEST_BODY) this.#cache.set(keyOf(exchange, snapshot), answer);
    };
  }
}

function keyOf({ request }: Exchange, { treeHash }: FS): string {
  const field = request.headers['accept-encoding'];
  const coding = field === undefined ? 'identity' : codingOf(String(field));
  return `${treeHash} ${coding} ${request.url}`;
}

function codingOf(field: string): Coding {
  let coding = codings.get(field);
  if (coding === undefined) {
    coding = chooseCoding(field, CODINGS);
    if (codings.size < MOST_CODINGS) codings.set(field, coding);
  }
  return coding;
}

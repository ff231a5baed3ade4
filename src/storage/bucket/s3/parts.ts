/**
 * A large body in parts. The name is new, so that all of it can be repeated: a part that got no answer is
 * sent again, and an end that got none has come about when the object is there. What fails for good is
 * taken away, as parts cost money and no list shows them.
 */
import type { Busy, Conflict, Put, PutBody, PutOptions, Unknown } from '../engine/bucket.ts';
import type { S3Answer, S3Request } from './connection.ts';
import { parseXml, textOf } from './xml.ts';

const MOST_PARTS = 10_000;
/** Parts that are in memory at once. */
const PARALLEL = 4;
const TRIES = 6;
/** Milliseconds before the second try; each pause is twice as long as the one before. */
const FIRST_PAUSE = 200;

export interface Upload extends Pick<PutOptions, 'signal' | 'onProgress'> {
  readonly key: string;
  readonly body: PutBody;
  /** Bytes of the body. */
  readonly size: number;
  /** Bytes of a part; more where there would be more than 10,000. */
  readonly partSize: number;
}

type Send = (request: Omit<S3Request, 'path'>) => Promise<S3Answer | Busy | Unknown>;
type Sorted = Put | Conflict | Busy | Unknown;
/** What the answer to a PUT means. */
type Sort = (answer: S3Answer, key: string) => Promise<Sorted>;

export async function uploadInParts(upload: Upload, send: Send, sort: Sort): Promise<Sorted> {
  const { key, signal } = upload;
  const begun = await tried(signal, async () => {
    const answer = await send({ verb: 'put', method: 'POST', key, query: 'uploads=', signal });
    if (answer.kind !== 'answer') return answer;
    if (answer.status !== 200) return notOk(await sort(answer, key));
    const document = await parseXml(answer.body);
    const id = document && textOf(document.content, 'UploadId');
    return id ? { kind: 'begun' as const, id } : { kind: 'unknown' as const, reason: 'no upload' };
  });
  if (begun.kind !== 'begun') return begun;
  const uploadId = `uploadId=${encodeURIComponent(begun.id)}`;
  let complete = false;
  try {
    const tags = await sendParts(upload, uploadId, send, sort);
    if (!Array.isArray(tags)) return tags;
    const result = await finish(upload, uploadId, tags, send, sort);
    complete = result.kind === 'ok';
    return result;
  } finally {
    if (!complete) await drop(key, uploadId, send);
  }
}

/** @returns the tags of the parts */
async function sendParts(
  { key, body, size, partSize, signal, onProgress }: Upload,
  uploadId: string,
  send: Send,
  sort: Sort,
): Promise<string[] | Busy | Unknown> {
  const step = Math.max(partSize, Math.ceil(size / MOST_PARTS));
  const count = Math.ceil(size / step);
  const tags = new Array<string>(count);
  let next = 0;
  let there = 0;
  let failed: Busy | Unknown | undefined;
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);

  const worker = async () => {
    while (next < count && failed === undefined) {
      const number = next++;
      const start = number * step;
      const end = Math.min(start + step, size);
      const bytes = 'read' in body ? await body.read(start, end) : body.subarray(start, end);
      const sent = await tried(either, async () => {
        const query = `partNumber=${number + 1}&${uploadId}`;
        const answer = await send({
          verb: 'put',
          method: 'PUT',
          key,
          query,
          body: bytes,
          signal: either,
        });
        return answer.kind === 'answer' ? sort(answer, key) : answer;
      });
      if (sent.kind !== 'ok') {
        failed ??= notOk(sent);
        return;
      }
      tags[number] = sent.tag;
      there += bytes.length;
      onProgress?.(there);
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL, count) }, () =>
    worker().catch((error) => {
      stop.abort(error);
      throw error;
    }),
  );
  const results = await Promise.allSettled(workers);
  signal?.throwIfAborted();
  for (const result of results) {
    if (result.status === 'rejected') throw stop.signal.reason;
  }
  return failed ?? tags;
}

async function finish(
  { key, size, signal }: Upload,
  uploadId: string,
  tags: readonly string[],
  send: Send,
  sort: Sort,
): Promise<Sorted> {
  const parts = tags.map(
    (tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>"${tag}"</ETag></Part>`,
  );
  const body = Buffer.from(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`,
  );
  return tried(signal, async () => {
    const answer = await send({ verb: 'put', method: 'POST', key, query: uploadId, body, signal });
    if (answer.kind === 'answer' && answer.status === 200) {
      const document = await parseXml(answer.body);
      // Ceph 16 names no tag: it is asked for below.
      const tag = document && textOf(document.content, 'ETag').replaceAll('"', '');
      if (document?.root === 'CompleteMultipartUploadResult' && tag) return { kind: 'ok', tag };
      // An error under a good status: the engine had begun to answer before it was done.
    }
    // An earlier try may have gone through: the name is new, whatever is there is this body.
    const there = await send({ verb: 'head', method: 'HEAD', key, signal });
    if (there.kind === 'answer' && there.status === 200) {
      if (Number(there.headers['content-length']) === size) return sort(there, key);
    }
    if (answer.kind !== 'answer') return answer;
    return answer.status === 200
      ? { kind: 'unknown', reason: 'the parts were not joined' }
      : sort(answer, key);
  });
}

async function drop(key: string, uploadId: string, send: Send): Promise<void> {
  const signal = AbortSignal.timeout(5000);
  try {
    await send({ verb: 'remove', method: 'DELETE', key, query: uploadId, signal });
  } catch {
    // What brought us here is the error to tell; a lifecycle rule of the bucket takes the parts away.
  }
}

/** Asks again while nothing is known or the engine is busy. */
async function tried<T extends { readonly kind: string }>(
  signal: AbortSignal | undefined,
  ask: () => Promise<T | Busy | Unknown>,
): Promise<T | Busy | Unknown> {
  for (let pause = FIRST_PAUSE, left = TRIES; ; pause *= 2) {
    const result = await ask();
    if ((result.kind !== 'busy' && result.kind !== 'unknown') || --left === 0) return result;
    const time = pause * (0.5 + Math.random());
    await new Promise<void>((resolve) => setTimeout(resolve, time));
    signal?.throwIfAborted();
  }
}

/** A conflict where no condition was given. */
function notOk(result: Sorted): Busy | Unknown {
  return result.kind === 'busy' || result.kind === 'unknown'
    ? result
    : { kind: 'unknown', reason: 'an unexpected answer' };
}

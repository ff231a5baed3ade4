/** A server that answers as it is told: what engines say now and then, on order. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { BucketRequest } from '../../src/storage/bucket/engine/bucket.ts';
import { parseS3Address } from '../../src/storage/bucket/s3/s3Address.ts';
import {
  openS3Bucket,
  type S3Bucket,
  type S3Options,
} from '../../src/storage/bucket/s3/s3Bucket.ts';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What it does with a request: answers, or nothing at all. */
export type Reply = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void;

export interface Scripted {
  readonly bucket: S3Bucket;
  readonly seen: Seen[];
  readonly told: BucketRequest[];
  readonly endpoint: string;
}

/** @param replies one for each request, the last one for all that follow */
export async function scripted(
  replies: readonly Reply[],
  options: S3Options = {},
): Promise<Scripted> {
  const seen: Seen[] = [];
  const told: BucketRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks) };
      seen.push(one);
      replies[Math.min(seen.length, replies.length) - 1]!(one, response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bucket = await openS3Bucket(
    parseS3Address(`s3://data/pre?endpoint=${endpoint}&region=r1`),
    {
      credentials: async () => ({ accessKeyId: 'AKEY', secretAccessKey: 'geheim' }),
      onRequest: (request) => told.push(request),
      ...options,
    },
  );
  onTestFinished(async () => {
    await bucket.close();
    server.closeAllConnections();
    server.close();
  });
  return { bucket, seen, told, endpoint };
}

/** An answer with a status, and a body or the name of an error. */
export function reply(
  status: number,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): Reply {
  return (_, response) => response.writeHead(status, headers).end(body);
}

export function fault(status: number, code: string, more = '', headers = {}): Reply {
  return reply(
    status,
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>not shown</Message>${more}</Error>`,
    { 'content-type': 'application/xml', ...headers },
  );
}

export const cut: Reply = (_, __, request) => request.socket.destroy();
export const silent: Reply = () => {};
export const ok = (tag = 'new'): Reply => reply(200, '', { etag: `"${tag}"` });

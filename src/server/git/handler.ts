/**
 * A store to Git's clients over HTTP (gitprotocol-http(5), the smart protocol): they may read
 * everything that refs lead to, and write nothing.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGunzip } from 'node:zlib';
import { ProtocolError, RemoteError } from '../../errors.ts';
import { FLUSH_PACKET, PacketReader, packet, packetLine } from '../../git/wire/pktLine.ts';
import { lacksObject } from '../../storage/missingObject.ts';
import { nameOfPlace } from '../../storage/places.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { advertiseCommands, advertiseRefs } from './advertisement.ts';
import { brokenObject, CutOff, Refusal } from './refusal.ts';
import { UploadPack } from './uploadPack.ts';

export interface GitHandlerOptions {
  /** Told of errors that are no fault of the client. */
  readonly onError?: ((error: unknown, request: IncomingMessage) => void) | undefined;
}

/** Answers a request. Never throws. */
export type GitHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Bytes of a request, inflated. */
const MAX_REQUEST = 32 << 20;
const READ_ONLY = 'This repository is read-only here: pushing is not possible.\n';
const UPLOAD_PACK = 'application/x-git-upload-pack';

/**
 * A handler for Node's `http.createServer`: `git clone`, `fetch` and `ls-remote` of the URL `/`. The
 * store may be changed, packed and collected meanwhile. It stays usable until the store is closed.
 */
export function createGitHandler(store: GitStore, options: GitHandlerOptions = {}): GitHandler {
  const uploadPack = new UploadPack(store);
  const name = nameOfPlace(store.path).replace(/\.git$/, '') || 'repository';

  const answer = async (
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> => {
    const { method = 'GET', headers } = request;
    const url = parseUrl(request.url);
    if (url === undefined) return refuse(response, 400, 'The URL cannot be read.\n');
    const { pathname, searchParams } = url;
    if (pathname === '/git-receive-pack') return refuse(response, 403, READ_ONLY);
    if (pathname === '/git-upload-pack') {
      if (method !== 'POST') return refuse(response, 405, 'Use POST.\n', { Allow: 'POST' });
      if (headers['content-type'] !== `${UPLOAD_PACK}-request`) {
        return refuse(response, 415, `The request must be of type ${UPLOAD_PACK}-request.\n`);
      }
      const body = bodyOf(request);
      if (body === undefined) {
        return refuse(response, 415, 'Only gzip is known as content encoding.\n');
      }
      if (headers.expect !== undefined) response.writeContinue();
      const reader = new PacketReader(body);
      reader.limit = MAX_REQUEST;
      const chunks = uploadPack.answer(protocolVersion(headers['git-protocol']), reader, signal);
      return send(response, `${UPLOAD_PACK}-result`, chunks);
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return refuse(response, 405, 'Use GET.\n', { Allow: 'GET, HEAD' });
    }
    if (pathname === '/info/refs') {
      const service = searchParams.get('service');
      if (service === 'git-receive-pack') return refuse(response, 403, READ_ONLY);
      if (service !== 'git-upload-pack') {
        const message = 'Only the smart protocol is served: use Git 1.6.6 or newer.\n';
        return refuse(response, 403, message);
      }
      const version = protocolVersion(headers['git-protocol']);
      const chunks =
        version === 2
          ? [advertiseCommands()]
          : advertiseRefs(version, await uploadPack.refs.read(signal));
      return send(response, `${UPLOAD_PACK}-advertisement`, chunks);
    }
    if (pathname === '/') {
      const host = headers.host ?? 'HOST';
      return reply(
        response,
        200,
        `A Git repository: git clone http://${printable(host)}/ ${name}\n`,
      );
    }
    if (/^\/(HEAD|objects\/.*)$/.test(pathname)) {
      return refuse(response, 403, 'Only the smart protocol is served, no single files.\n');
    }
    return refuse(response, 404, 'There is nothing here: the repository is at /\n');
  };

  return (request, response) => {
    const abort = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) abort.abort(new Error('The client has left'));
    });
    // Errors of a client that left in the middle of its request.
    request.on('error', () => {});
    answer(request, response, abort.signal).catch((error: unknown) => {
      if (!abort.signal.aborted) giveUp(error);
      else response.destroy();
    });

    function giveUp(error: unknown): void {
      if (error instanceof CutOff) {
        report(error.cause);
        forget(request);
        if (error.isTold) response.end();
        else response.destroy();
        return;
      }
      if (lacksObject(error)) {
        report(error);
        forget(request);
        tell(new Refusal(brokenObject(error)));
        return;
      }
      const refused = error instanceof Refusal;
      const garbage = error instanceof ProtocolError || error instanceof RemoteError;
      if (!refused && !garbage) report(error);
      forget(request);
      if (refused) tell(error);
      else if (response.headersSent) response.destroy();
      else if (garbage) refuse(response, 400, `${error.message}\n`);
      else refuse(response, 500, 'The server has an error.\n');
    }

    function report(error: unknown): void {
      options.onError?.(error, request);
    }

    /** Never in the middle of a pack, which would take it for a part of itself. */
    function tell(refusal: Refusal): void {
      const advertises = request.method !== 'POST';
      if (!response.headersSent) {
        response.writeHead(200, head(`${UPLOAD_PACK}-${advertises ? 'advertisement' : 'result'}`));
        if (advertises) {
          response.write(packetLine('# service=git-upload-pack'));
          response.write(FLUSH_PACKET);
        }
      }
      response.end(errorPacket(refusal));
    }
  };
}

function errorPacket(error: Refusal): Buffer {
  return packet(`ERR ${printable(error.message)}`);
}

function head(type: string): Record<string, string> {
  return {
    'Content-Type': type,
    'Cache-Control': 'no-cache, max-age=0, must-revalidate',
    Expires: 'Fri, 01 Jan 1980 00:00:00 GMT',
    Pragma: 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  };
}

/** Holds short chunks back until they reach this many bytes together, or no more come at once. */
const GATHERED = 16 << 10;

/** Writes chunks as fast as the client takes them. */
async function send(
  response: ServerResponse,
  type: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  let later: NodeJS.Immediate | undefined;
  const flush = (): boolean => {
    clearImmediate(later);
    later = undefined;
    const bytes = gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered);
    gathered = [];
    size = 0;
    if (!response.headersSent) response.writeHead(200, head(type));
    return bytes.length === 0 || response.write(bytes);
  };
  try {
    for await (const chunk of chunks) {
      if (response.destroyed) return;
      gathered.push(chunk);
      size += chunk.length;
      if (size < GATHERED) later ??= setImmediate(flush);
      else if (!flush()) await drained(response);
    }
    flush();
    response.end();
  } catch (error) {
    if (error instanceof CutOff && error.isTold) flush();
    throw error;
  } finally {
    clearImmediate(later);
  }
}

/** Resolves when more can be written, or nothing ever again. */
function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

/** An answer that is an error; what is left of the request is read and forgotten. */
function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  fields: Record<string, string> = {},
): void {
  response.req.resume();
  reply(response, status, message, fields);
}

function reply(
  response: ServerResponse,
  status: number,
  message: string,
  fields: Record<string, string> = {},
): void {
  response.writeHead(status, { ...head('text/plain; charset=utf-8'), ...fields });
  response.end(message);
}

/** Takes what is left of a request: a client may only listen when it has said everything. */
function forget(request: IncomingMessage): void {
  const take = (): void => {
    while (request.read() !== null);
  };
  request.unpipe();
  request.on('readable', take);
  // Of what is there already nothing is told again.
  take();
}

/** Clients put `/info/refs` behind a URL that may end in a slash already. */
function parseUrl(url: string | undefined): URL | undefined {
  try {
    return new URL((url ?? '/').replace(/^\/+/, '/'), 'http://localhost');
  } catch {
    return undefined;
  }
}

/** The body, inflated where it is compressed; undefined for a compression that is not known. */
function bodyOf(request: IncomingMessage): AsyncIterable<Uint8Array> | undefined {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') return request;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return undefined;
  return inflated(request);
}

async function* inflated(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  request.on('error', (error) => gunzip.destroy(error));
  request.on('close', () => {
    if (!request.complete) gunzip.destroy(new ProtocolError('The client has left'));
  });
  request.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError('The request does not inflate', { cause });
  } finally {
    request.unpipe(gunzip);
    gunzip.destroy();
  }
}

/** The version that the client speaks (`Git-Protocol: version=2`); the highest that both know. */
function protocolVersion(header: string | string[] | undefined): 0 | 1 | 2 {
  const keys = (Array.isArray(header) ? header.join(':') : (header ?? '')).split(':');
  if (keys.includes('version=2')) return 2;
  return keys.includes('version=1') ? 1 : 0;
}

/** Text of a client that goes back to it: without control characters. */
function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, '?');
}

/**
 * Requests to an S3 engine: signed by `aws4`, sent by Node's own client over kept-alive connections, with
 * bounded concurrency and a deadline each. Never retries: the caller interprets an answer and decides
 * whether to send again. Bodies go out with their length and the hash of their bytes.
 */
import { createHash } from 'node:crypto';
import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { sign } from 'aws4';
import { tell } from '../../../diagnostics.ts';
import { RemoteError } from '../../../errors.ts';
import type { BucketRequest, Busy, Unknown } from '../engine/bucket.ts';
import type { Route } from './route.ts';
import type { CredentialSource, S3Settings } from './settings.ts';

export interface S3Request {
  readonly verb: BucketRequest['verb'];
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Within the bucket, from the prefix of the store on; empty for the bucket itself. */
  readonly path: string;
  /** What `onRequest` is told. */
  readonly key: string;
  readonly query?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface S3Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ConnectionLimits {
  /** Requests at once; default 32. */
  readonly parallel?: number | undefined;
  /** Milliseconds for a connection to come about; default 10,000. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds without a byte in either direction; default 30,000: losers of a race may wait for 20 s. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds for a request without a large body; default 60,000. */
  readonly requestTimeout?: number | undefined;
}

const EMPTY_HASH = createHash('sha256').digest('hex');
/** Bytes in a second that even a slow line carries: larger bodies get more time. */
const SLOWEST_LINE = 50_000;
/** Bytes. An answer without a range that is larger is no answer to a store. */
const LARGEST_ANSWER = 1 << 30;

export class Connection {
  readonly #settings: S3Settings;
  readonly #credentials: CredentialSource;
  readonly #location: string;
  readonly #onRequest: ((request: BucketRequest) => void) | undefined;
  readonly #route: Route;
  readonly #limits: { readonly [K in keyof ConnectionLimits]-?: number };
  readonly #waiting: (() => void)[] = [];
  /** Ends of the requests under way. */
  readonly #ends = new Set<(error: Error) => void>();
  #running = 0;
  /** Whether the engine has ever answered: a host that is unknown then is a network that is gone. */
  #answered = false;

  /** @param location of the store, for those who count requests */
  constructor(
    location: string,
    settings: S3Settings,
    route: Route,
    credentials: CredentialSource,
    options: ConnectionLimits & { onRequest?: ((request: BucketRequest) => void) | undefined },
  ) {
    const { parallel, connectTimeout, idleTimeout, requestTimeout } = options;
    this.#settings = settings;
    this.#credentials = credentials;
    this.#location = location;
    this.#onRequest = options.onRequest;
    this.#limits = {
      parallel: parallel ?? 32,
      connectTimeout: connectTimeout ?? 10_000,
      idleTimeout: idleTimeout ?? 30_000,
      requestTimeout: requestTimeout ?? 60_000,
    };
    this.#route = route;
  }

  get settings(): S3Settings {
    return this.#settings;
  }

  /**
   * @param renew asks for new credentials first
   * @throws RemoteError where no repetition helps; the reason of `signal`
   */
  async send(request: S3Request, renew = false): Promise<S3Answer | Busy | Unknown> {
    request.signal?.throwIfAborted();
    const credentials = await this.#credentials(renew);
    await this.#turn();
    try {
      request.signal?.throwIfAborted();
      return await this.#exchange(request, credentials);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Closes the connections, also those in use. */
  close(): void {
    for (const end of [...this.#ends]) end(new Error('closed'));
    this.#route.agent.destroy();
  }

  async #turn(): Promise<void> {
    while (this.#running >= this.#limits.parallel) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
  }

  #exchange(
    { verb, method, path, key, query, headers, body, signal }: S3Request,
    credentials: Awaited<ReturnType<CredentialSource>>,
  ): Promise<S3Answer | Busy | Unknown> {
    const { origin, region, root } = this.#settings;
    const signed = sign(
      {
        service: 's3',
        region,
        method,
        host: origin.host,
        path: `${root}/${path}${query === undefined ? '' : `?${query}`}`,
        headers: {
          ...headers,
          'X-Amz-Content-Sha256': body
            ? createHash('sha256').update(body).digest('hex')
            : EMPTY_HASH,
          ...(body !== undefined && { 'Content-Length': String(body.length) }),
        },
      },
      {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken && { sessionToken: credentials.sessionToken }),
      },
    );
    const began = performance.now();
    let received = 0;
    const told = (status: number | undefined) => {
      const milliseconds = performance.now() - began;
      const request = { verb, key, sent: body?.length ?? 0, received, status, milliseconds };
      this.#onRequest?.(request);
      tell('gitstore:request', () => ({ store: this.#location, ...request }));
    };
    const { idleTimeout, requestTimeout, connectTimeout } = this.#limits;
    return new Promise((resolve, reject) => {
      const { hostname, port, protocol } = origin;
      const isSecure = protocol === 'https:';
      const reached: Reached = { engine: false, proxy: false };
      let isOver = false;
      let status: number | undefined;
      let deadline: NodeJS.Timeout | undefined;
      const outgoing = (isSecure ? https : http).request({
        agent: this.#route.agent,
        // The agents of proxies keep connections by it.
        protocol,
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        method,
        path: signed.path!,
        headers: signed.headers as http.OutgoingHttpHeaders,
      });
      const done = () => {
        isOver = true;
        this.#ends.delete(end);
        clearTimeout(deadline);
        clearTimeout(connecting);
        signal?.removeEventListener('abort', abort);
        told(status);
      };
      const fail = (error: Error) => {
        if (isOver) return;
        done();
        if (signal?.aborted) reject(signal.reason);
        else {
          try {
            resolve(this.#broken(error, reached));
          } catch (refused) {
            reject(refused);
          }
        }
      };
      const end = (error: Error) => {
        outgoing.destroy(error);
        if (outgoing.socket) return;
        // It emits no error before it has a socket.
        this.#route.abandon?.(outgoing);
        fail(error);
      };
      const abort = () => end(new Aborted());
      const allow = (bytes: number) => {
        clearTimeout(deadline);
        const time = requestTimeout + (bytes / SLOWEST_LINE) * 1000;
        deadline = setTimeout(() => end(new TooLate('took too long')), time);
      };
      // The time of a proxy counts, too.
      const connecting = setTimeout(() => end(new TooLate('no connection')), connectTimeout);
      const connected = () => {
        reached.engine = true;
        clearTimeout(connecting);
      };

      this.#ends.add(end);
      signal?.addEventListener('abort', abort, { once: true });
      allow(body?.length ?? 0);
      outgoing.setTimeout(idleTimeout, () => end(new TooLate('no answer')));
      outgoing.once('socket', (socket) => {
        if (outgoing.reusedSocket || !(isSecure || socket.connecting)) connected();
        else socket.once(isSecure ? 'secureConnect' : 'connect', connected);
      });
      // A tunnel, or the connection to a proxy that makes the request itself.
      outgoing.once('proxyConnect', ({ statusCode = 200 }: { statusCode?: number }) => {
        reached.proxy = true;
        if (statusCode !== 200) end(new ProxyRefusal(statusCode));
      });
      outgoing.once('error', fail);
      outgoing.once('response', (incoming) => {
        status = incoming.statusCode!;
        outgoing.off('error', fail);
        // An engine that has answered before it had the whole body closes the connection on the rest.
        outgoing.on('error', () => {});
        const length = Number(incoming.headers['content-length'] ?? 0);
        allow(Math.max(length, body?.length ?? 0));
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => {
          received += chunk.length;
          chunks.push(chunk);
          if (received > LARGEST_ANSWER) end(new TooLate('sent too much'));
        });
        incoming.once('error', fail);
        // After its end that is nothing.
        incoming.once('close', () => fail(new Error('the connection broke')));
        incoming.once('end', () => {
          if (!incoming.complete) return;
          incoming.off('error', fail);
          incoming.on('error', () => {});
          this.#answered = true;
          done();
          if (status === 407 && this.#route.proxy !== undefined) {
            reject(refusedByProxy(`${hostname} by the proxy ${this.#route.proxy}`, status));
            return;
          }
          const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received);
          resolve({ kind: 'answer', status: status!, headers: incoming.headers, body: bytes });
        });
      });
      outgoing.end(body);
    });
  }

  /** What a request that got no whole answer means. */
  #broken(error: Error, reached: Reached): Busy | Unknown {
    const { code = '' } = error as NodeJS.ErrnoException;
    const { host, origin, protocol } = this.#settings.origin;
    const { proxy, hasAuthorities } = this.#route;
    const by = proxy === undefined ? host : `${host} by the proxy ${proxy}`;
    // Only a tunnel that is open leads the bytes of the engine here.
    const isByProxy = proxy !== undefined && (protocol === 'http:' || !reached.proxy);
    if (code === 'ENOTFOUND' && !this.#answered) {
      throw new RemoteError(
        proxy === undefined
          ? `${origin}: there is no host of this name; look at the endpoint, the region and the network`
          : `${by}: there is no proxy of this name; look at HTTPS_PROXY and HTTP_PROXY`,
        { cause: error },
      );
    }
    if (error instanceof ProxyRefusal && error.status < 500) throw refusedByProxy(by, error.status);
    if (code.startsWith('HPE_') || code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
      const other = protocol === 'https:' ? 'http:' : 'https:';
      throw new RemoteError(
        isByProxy
          ? `${by}: the proxy does not answer as expected; look at the scheme and the port in HTTPS_PROXY or HTTP_PROXY`
          : `${origin} does not answer as expected; is ${other}//${host} meant, or another port?`,
        { cause: error },
      );
    }
    if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) {
      throw new RemoteError(
        `${isByProxy ? `${by}: the certificate of the proxy` : `${origin}: its certificate`} is not trusted (${code}); ${
          hasAuthorities
            ? 'look at AWS_CA_BUNDLE, or ca_bundle of the profile'
            : 'NODE_EXTRA_CA_CERTS or AWS_CA_BUNDLE names a file with its authority'
        }`,
        { cause: error },
      );
    }
    const reason = `${by}: ${reasonOf(error, code)}`;
    return { kind: reached.engine ? 'unknown' : 'busy', reason };
  }
}

/** How far a request has come. */
interface Reached {
  /** Bytes of the request may have got to the engine. */
  engine: boolean;
  /** The proxy has answered, or taken the connection. */
  proxy: boolean;
}

class Aborted extends Error {}
class TooLate extends Error {}

/** The proxy makes no tunnel: the engine has not seen the request. */
class ProxyRefusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the proxy answers with status ${status}`);
    this.status = status;
  }
}

function refusedByProxy(where: string, status: number): RemoteError {
  return new RemoteError(
    status === 407
      ? `${where}: it asks for a user and a password; put them into HTTPS_PROXY or HTTP_PROXY, as http://USER:PASSWORD@HOST:PORT`
      : `${where}: it refuses to connect (status ${status}); look at HTTPS_PROXY and NO_PROXY`,
  );
}

function reasonOf(error: Error, code: string): string {
  if (error instanceof TooLate || error instanceof ProxyRefusal) return error.message;
  switch (code) {
    case 'ECONNREFUSED':
      return 'the connection is refused';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection broke';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name cannot be looked up';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENETDOWN':
      return 'the network does not lead there';
    case 'ETIMEDOUT':
      return 'no connection';
    default:
      return code === '' ? 'the connection broke' : code;
  }
}

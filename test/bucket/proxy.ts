/**
 * A proxy before a real engine, for what networks and bad engines do: it cuts connections, waits, and takes
 * headers away (and signs anew, as the signature covers them).
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { sign } from 'aws4';
import { CREDENTIALS, REGION } from '../../scripts/engines.mjs';

/** Where a request is cut: before the engine has it, before the answer, within the answer. */
export type Cut = 'request' | 'answer' | 'body';

export interface Fate {
  readonly cut?: Cut | undefined;
  /** Milliseconds. */
  readonly delay?: number | undefined;
  /** No answer comes, and the connection stays. */
  readonly silent?: boolean | undefined;
  /** Names of headers that do not reach the engine. */
  readonly without?: readonly string[] | undefined;
}

export interface Proxy {
  readonly endpoint: string;
  /** Decides about each request; to be replaced at any time. */
  fate: (request: IncomingMessage) => Fate | undefined;
  /** How many requests came, by method. */
  readonly seen: string[];
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const agent = new http.Agent({ keepAlive: true });
  const { hostname, port, host } = new URL(target);
  const server = http.createServer((request, response) => {
    void pass(request, response).catch(() => response.destroy());
  });

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    proxy.seen.push(method);
    const { cut, delay, silent = false, without = [] } = proxy.fate(request) ?? {};
    if (cut === 'request') {
      await once(request);
      response.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (delay !== undefined) await sleep(delay);
    let headers = { ...request.headers };
    if (without.some((name) => headers[name] !== undefined)) {
      for (const name of without) delete headers[name];
      for (const name of ['authorization', 'x-amz-date', 'host', 'connection'])
        delete headers[name];
      const plain = headers as Record<string, string>;
      const again = { service: 's3', region: REGION, method, host, path: url, headers: plain };
      headers = sign(again, CREDENTIALS).headers as typeof headers;
    }
    const outgoing = http.request({ agent, hostname, port, method, path: url, headers });
    outgoing.end(body);
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
    });
    const answer: Buffer[] = [];
    for await (const chunk of incoming) answer.push(chunk as Buffer);
    const bytes = Buffer.concat(answer);
    if (silent) return;
    if (cut === 'answer') {
      response.destroy();
      return;
    }
    response.writeHead(incoming.statusCode!, incoming.rawHeaders);
    if (cut === 'body') {
      response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
      return;
    }
    response.end(bytes);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: Proxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fate: () => undefined,
    seen: [],
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** Until the first bytes of the body are there, or its end. */
async function once(request: IncomingMessage): Promise<void> {
  await new Promise<void>((resolve) => {
    request.once('data', () => resolve());
    request.once('end', resolve);
    request.once('error', () => resolve());
  });
}

/** A handler on a server of its own, and a client that sends what it is told to, byte for byte. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import type { GitStore } from '../../src/index.ts';
import {
  createFileHandler,
  type FileHandlerOptions,
  listen,
  type RunningServer,
} from '../../src/server/index.ts';
import { atEndOfFile } from '../helpers/endOfFile.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export class Client {
  readonly server: RunningServer;
  /** Faults that the handler reported. */
  readonly faults: unknown[];
  readonly log: string[];

  private constructor(server: RunningServer, faults: unknown[], log: string[]) {
    this.server = server;
    this.faults = faults;
    this.log = log;
  }

  static async of(store: GitStore, options: FileHandlerOptions = {}): Promise<Client> {
    const faults: unknown[] = [];
    const log: string[] = [];
    const handler = createFileHandler(store, {
      onError: (error) => faults.push(error),
      log: (line) => log.push(line),
      ...options,
    });
    const server = await listen(handler, { port: 0 });
    atEndOfFile(() => server.abort());
    return new Client(server, faults, log);
  }

  /** The path is sent as it is written. */
  ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    const { host, port } = this.server;
    return new Promise((resolve, reject) => {
      const sent = request({ host, port, path, headers, method, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(chunks);
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, headers, body, text: body.toString() });
        });
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  async json(path: string): Promise<unknown> {
    return JSON.parse((await this.ask(path, { accept: 'application/json' })).text);
  }

  page(path: string): Promise<Answer> {
    return this.ask(path, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
  }

  /** Sends bytes as they are and gives back all that comes until the server closes. */
  raw(bytes: string | Uint8Array): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(this.server.port, this.server.host, () => socket.write(bytes));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
    });
  }
}

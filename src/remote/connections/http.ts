/**
 * Git services over HTTP (gitprotocol-http(5), "Smart Clients"). Follows redirects of the first request,
 * without credentials when they lead to another host. Does not follow redirects of later requests.
 */

import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { GitStoreError, ProtocolError, RemoteError } from '../../errors.ts';
import { PacketReader } from '../../git/wire/pktLine.ts';
import { redactUrl } from '../../git/wire/redactUrl.ts';
import { connectionReason } from '../../systemFaults.ts';
import type { OnAuth } from '../remote.ts';
import type { Secrets } from '../secrets.ts';
import type { Connection, Connector, RequestBody, Service } from './connection.ts';
import type { Credentials, FoundCredentials } from './credentials.ts';
import { writeAll } from './duplex.ts';
import { IDLE_TIMEOUT, NO_ANSWER } from './tcp.ts';

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Requests of up to this many bytes are sent with their length: some servers require it. */
const MAX_KNOWN_LENGTH = 1 << 20;
/** Characters to read of a server's explanation of a refusal. */
const MAX_WORDS = 2000;

export interface HttpChoices {
  /** The repository whose configuration may name credential helpers. */
  readonly folder: string;
  readonly secrets: Secrets;
  readonly signal: AbortSignal | undefined;
  readonly onAuth?: OnAuth | undefined;
}

interface Outgoing {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}

export class HttpConnector implements Connector {
  readonly name: string;
  readonly #choices: HttpChoices;
  /** The host that the user named. */
  readonly #host: string;
  /** The URL without credentials. Changes on a redirect. */
  #base: URL;
  /** The user name from the URL, for its host. */
  #username: string | undefined;
  #credentials: (Credentials & Partial<FoundCredentials>) | undefined;
  #toBeApproved = false;
  readonly #agents = new Map<string, Agent>();

  constructor(url: URL, choices: HttpChoices) {
    this.#choices = choices;
    const username = decode(url.username);
    const password = decode(url.password);
    this.#username = username === '' ? undefined : username;
    if (password !== '') {
      this.#credentials = { username, password };
      choices.secrets.add(username, password);
    }
    this.#base = new URL(url);
    this.#base.username = '';
    this.#base.password = '';
    this.#base.search = '';
    this.#base.hash = '';
    this.#base.pathname = this.#base.pathname.replace(/\/+$/, '');
    // The query may hold a token.
    this.name = this.#base.href;
    this.#host = url.host;
  }

  async connect(service: Service, version: 0 | 2): Promise<Connection> {
    const suffix = `/info/refs?service=${service}`;
    const headers = { ...versionHeader(version), 'cache-control': 'no-cache' };
    let url = new URL(this.#base.href.replace(/\/$/, '') + suffix);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#ask(url, { method: 'GET', headers });
      const { location } = response.headers;
      if (REDIRECTS.has(response.statusCode ?? 0) && location !== undefined) {
        response.destroy();
        if (redirects === MAX_REDIRECTS) throw this.#refusal('it redirects without end');
        url = this.#follow(url, location);
        continue;
      }
      await this.#expectOk(response);
      this.#moveTo(url, suffix);
      if (response.headers['content-type'] !== `application/x-${service}-advertisement`) {
        response.destroy();
        throw new ProtocolError(`${this.name} is no Git repository with smart HTTP`);
      }
      const greeting = new PacketReader(this.#read(response));
      await skipServiceLine(greeting, service);
      return {
        greeting,
        send: (body) => this.#post(service, version, body),
        close: async () => void response.destroy(),
      };
    }
  }

  async close(): Promise<void> {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #post(service: Service, version: 0 | 2, body: RequestBody): Promise<PacketReader> {
    const url = new URL(`${this.#base.href.replace(/\/$/, '')}/${service}`);
    const headers = {
      ...versionHeader(version),
      'content-type': `application/x-${service}-request`,
      accept: `application/x-${service}-result`,
    };
    const response = await this.#ask(url, { method: 'POST', headers, body });
    await this.#expectOk(response);
    const type = response.headers['content-type'];
    if (type !== headers.accept) {
      response.destroy();
      throw new ProtocolError(`${this.name} answers with ${type ?? 'data of no type'}`);
    }
    return new PacketReader(this.#read(response));
  }

  /** Sends a request, and resends it with credentials when the server requires them. */
  async #ask(url: URL, outgoing: Outgoing): Promise<IncomingMessage> {
    let response = await this.#request(url, outgoing);
    for (let tries = 0; response.statusCode === 401 && tries < 2; tries++) {
      response.destroy();
      const used = this.#credentials;
      this.#credentials = undefined;
      if (used !== undefined) await used.refused?.();
      const given = await this.#askCaller(url, used !== undefined);
      const refused = used !== undefined && used.accepted !== undefined;
      const found = given ?? (refused ? undefined : await this.#findCredentials(url));
      if (found === undefined) {
        const why = used === undefined ? 'credentials are needed' : 'the credentials are refused';
        throw this.#refusal(`authentication failed, ${why}`);
      }
      this.#credentials = found;
      this.#toBeApproved = true;
      response = await this.#request(url, outgoing);
    }
    if (response.statusCode === 401) {
      response.destroy();
      throw this.#refusal('authentication failed, the credentials are refused');
    }
    if (this.#toBeApproved && (response.statusCode ?? 0) < 400) {
      this.#toBeApproved = false;
      await this.#credentials?.accepted?.();
    }
    return response;
  }

  /** Credentials from the caller's `onAuth`. */
  async #askCaller(url: URL, refused: boolean): Promise<Credentials | undefined> {
    const { onAuth, secrets } = this.#choices;
    const { origin, pathname } = url;
    const given: unknown = await onAuth?.({
      url: origin + pathname,
      username: this.#username,
      refused,
    });
    if (given === undefined || given === null) return undefined;
    const { username = this.#username ?? '', password } = given as Partial<Credentials>;
    if (typeof username !== 'string' || typeof password !== 'string') {
      throw new GitStoreError('onAuth must give { username, password } or nothing', 'EINVAL');
    }
    secrets.add(username, password);
    return { username, password };
  }

  async #findCredentials(url: URL): Promise<FoundCredentials | undefined> {
    // Loaded on demand: most remotes need no credentials, or have them in the URL.
    const { findCredentials } = await import('./credentials.ts');
    // The user's GitHub token must go only to hosts that the user named.
    const useGh = url.host === this.#host;
    const found = await findCredentials(url, {
      username: this.#username,
      folder: this.#choices.folder,
      useGh,
    });
    if (found !== undefined) this.#choices.secrets.add(found.username, found.password);
    return found;
  }

  async #request(url: URL, outgoing: Outgoing): Promise<IncomingMessage> {
    const { signal } = this.#choices;
    signal?.throwIfAborted();
    const start = outgoing.body && (await firstBytes(outgoing.body()));
    const request = this.#start(url, outgoing, start?.whole?.length);
    let failure: { readonly error: unknown } | undefined;
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', (error) => reject(failure?.error ?? this.#lost(error)));
    });
    if (start === undefined) request.end();
    else {
      writeAll(request, start.all).then(
        () => request.end(),
        (error: unknown) => {
          failure = { error };
          request.destroy(error as Error);
        },
      );
    }
    const response = await answered;
    // The request may emit a second error when the server answers before reading all of it.
    request.on('error', () => {});
    return response;
  }

  #start(url: URL, { method, headers }: Outgoing, length: number | undefined): ClientRequest {
    const secure = url.protocol === 'https:';
    const options: RequestOptions = {
      method,
      agent: this.#agentOf(url),
      signal: this.#choices.signal,
      headers: {
        ...headers,
        'user-agent': 'git/2 (gitstore)',
        ...(length !== undefined && { 'content-length': String(length) }),
        ...(this.#credentials !== undefined && { authorization: basic(this.#credentials) }),
      },
    };
    const request = (secure ? requestHttps : requestHttp)(url, options);
    request.setTimeout(IDLE_TIMEOUT, () => {
      request.destroy(new Error(NO_ANSWER));
    });
    return request;
  }

  #agentOf({ protocol }: URL): Agent {
    let agent = this.#agents.get(protocol);
    if (agent === undefined) {
      agent =
        protocol === 'https:'
          ? new HttpsAgent({ keepAlive: true })
          : new Agent({ keepAlive: true });
      this.#agents.set(protocol, agent);
    }
    return agent;
  }

  #follow(from: URL, location: string): URL {
    let url: URL;
    try {
      url = new URL(location, from);
    } catch {
      throw this.#refusal('it redirects to what is no URL');
    }
    const isHttp =
      url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:');
    if (!isHttp) throw this.#refusal(`it redirects to ${url.protocol}, which is not followed`);
    url.username = '';
    url.password = '';
    if (url.host !== from.host || url.protocol !== from.protocol) {
      // Credentials for one host must not go to another.
      this.#credentials = undefined;
      this.#username = undefined;
      this.#toBeApproved = false;
    }
    return url;
  }

  #moveTo(url: URL, suffix: string): void {
    if (!url.href.endsWith(suffix)) {
      throw this.#refusal(`it redirects to ${redactUrl(url.href)}, which is no repository`);
    }
    this.#base = new URL(url.href.slice(0, -suffix.length));
  }

  async #expectOk(response: IncomingMessage): Promise<void> {
    const status = response.statusCode ?? 0;
    if (status === 200) return;
    const words = await wordsOf(response);
    if (status === 404) throw this.#refusal(`there is no such repository${words}`);
    if (status === 403) throw this.#refusal(`access is denied${words}`);
    throw this.#refusal(
      `the server answers with ${status} ${response.statusMessage ?? ''}${words}`,
    );
  }

  async *#read(response: IncomingMessage): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response) yield chunk as Buffer;
    } catch (error) {
      throw this.#lost(error);
    }
  }

  #refusal(why: string): RemoteError {
    return new RemoteError(`${this.name}: ${why}`);
  }

  #lost(error: unknown): unknown {
    const { signal } = this.#choices;
    if (signal?.aborted) return signal.reason;
    if (error instanceof GitStoreError) return error;
    return new RemoteError(`No connection to ${this.name}: ${connectionReason(error)}`, {
      cause: error,
    });
  }
}

function versionHeader(version: 0 | 2): Record<string, string> {
  return version === 2 ? { 'git-protocol': 'version=2' } : {};
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Skips `# service=…` and a flush packet, which newer servers omit in version 2. */
async function skipServiceLine(greeting: PacketReader, service: Service): Promise<void> {
  const first = await greeting.peek();
  if (!Buffer.isBuffer(first) || !first.toString('latin1').startsWith(`# service=${service}`))
    return;
  await greeting.next();
  if ((await greeting.next()) !== 'flush') throw new ProtocolError('A flush packet is missing');
}

/** The beginning of a server's explanation of a refusal, for the message. */
async function wordsOf(response: IncomingMessage): Promise<string> {
  const type = response.headers['content-type'] ?? '';
  let text = '';
  try {
    if (type.startsWith('text/plain')) {
      for await (const chunk of response) {
        text += String(chunk);
        if (text.length > MAX_WORDS) break;
      }
    }
  } catch {
    // Report only the status then.
  }
  response.destroy();
  const line = text.slice(0, MAX_WORDS).trim().replace(/\s+/g, ' ');
  return line === '' ? '' : `: ${line}`;
}

/** A short body as bytes with its length; a longer one as a stream. */
async function firstBytes(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ whole?: Buffer; all: AsyncIterable<Uint8Array> | Iterable<Uint8Array> }> {
  const chunks =
    Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
  const held: Uint8Array[] = [];
  let length = 0;
  while (length <= MAX_KNOWN_LENGTH) {
    const { done, value } = await chunks.next();
    if (done) {
      const whole = Buffer.concat(held);
      return { whole, all: [whole] };
    }
    held.push(Buffer.from(value));
    length += value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* held.splice(0);
    for (;;) {
      const { done, value } = await chunks.next();
      if (done) return;
      yield value;
    }
  }
  return { all: all() };
}

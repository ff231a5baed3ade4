/** How requests get to an engine: by proxies that variables name, with authorities of one's own. */

import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ConnectionLimits } from '../../src/storage/bucket/s3/connection.ts';
import { parseS3Address } from '../../src/storage/bucket/s3/s3Address.ts';
import { openS3Bucket, type S3Bucket } from '../../src/storage/bucket/s3/s3Bucket.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const certificates = join(import.meta.dirname, 'certificates');
const authority = join(certificates, 'authority.pem');

afterEach(() => {
  vi.unstubAllEnvs();
});

function environment(variables: Record<string, string>): void {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'AWS_CA_BUNDLE']) {
    vi.stubEnv(name, variables[name] ?? '');
    vi.stubEnv(name.toLowerCase(), '');
  }
  // The user's own profile.
  vi.stubEnv('AWS_CONFIG_FILE', join(certificates, 'none'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(certificates, 'none'));
}

async function listening(server: http.Server | https.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** An engine that has one object. */
async function engine(secure: boolean): Promise<string> {
  const answer: http.RequestListener = (request, response) => {
    request.resume();
    response.setHeader('ETag', '"tag"');
    response.end(`hello from ${request.url}`);
  };
  const pem = readFileSync(join(certificates, 'server.pem'));
  const server = secure
    ? https.createServer({ cert: pem, key: pem }, answer)
    : http.createServer(answer);
  return `${secure ? 'https' : 'http'}://localhost:${await listening(server)}`;
}

/** A proxy, and what it was asked for. @param status of its answers, where it refuses */
async function proxy(status?: number): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    if (status !== undefined) {
      response.writeHead(status).end('not shown');
      return;
    }
    const outgoing = http.request(request.url!, {
      method: request.method,
      headers: request.headers,
    });
    outgoing.on('response', (incoming) => {
      response.writeHead(incoming.statusCode!, incoming.headers);
      incoming.pipe(response);
    });
    request.pipe(outgoing);
  });
  server.on('connect', ({ url, headers }, socket: Duplex) => {
    asked.push(`CONNECT ${url} ${headers['proxy-authorization'] ?? ''}`);
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const { hostname, port } = new URL(`http://${url}`);
    const other = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Yes\r\n\r\n');
      other.pipe(socket).pipe(other);
    });
    for (const one of [socket, other]) one.on('error', () => other.destroy());
  });
  return { url: `http://localhost:${await listening(server)}`, asked };
}

/** A proxy that takes connections and never answers: `open` is their number. */
async function silentProxy(): Promise<{ url: string; open: () => number; asked: Promise<void> }> {
  const sockets = new Set<Socket>();
  let tell = () => {};
  const asked = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('data', () => tell());
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, open: () => sockets.size, asked };
}

function opened(endpoint: string, limits: ConnectionLimits = {}): Promise<S3Bucket> {
  return openS3Bucket(parseS3Address(`s3://data/pre?endpoint=${endpoint}&region=r1`), {
    ...limits,
    credentials: async () => ({ accessKeyId: 'AKEY', secretAccessKey: 'geheim' }),
  });
}

async function get(endpoint: string): Promise<string> {
  const bucket = await opened(endpoint);
  try {
    const texts: string[] = [];
    // The second one by the connection of the first.
    for (const key of ['a', 'b']) {
      const answer = await bucket.get(key);
      if (answer.kind !== 'ok') return 'reason' in answer ? answer.reason : answer.kind;
      texts.push(Buffer.from(answer.body).toString());
    }
    return texts.join();
  } finally {
    await bucket.close();
  }
}

const HELLO = 'hello from /data/pre/a,hello from /data/pre/b';

describe('a proxy', () => {
  it('gets plain requests whole', async () => {
    const { url, asked } = await proxy();
    environment({ HTTP_PROXY: url.replace('//', '//me:secret@') });
    const endpoint = await engine(false);
    expect(await get(endpoint)).toBe(HELLO);
    const login = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    expect(asked).toEqual([
      `GET ${endpoint}/data/pre/a ${login}`,
      `GET ${endpoint}/data/pre/b ${login}`,
    ]);
  });

  it('makes one tunnel for requests with TLS', async () => {
    const { url, asked } = await proxy();
    environment({ HTTPS_PROXY: url, AWS_CA_BUNDLE: authority });
    const endpoint = await engine(true);
    expect(await get(endpoint)).toBe(HELLO);
    expect(asked).toEqual([`CONNECT ${new URL(endpoint).host} `]);
  });

  it('is left out where NO_PROXY names the host, or another scheme is meant', async () => {
    const { url, asked } = await proxy();
    const endpoint = await engine(false);
    for (const variables of [
      { HTTP_PROXY: url, NO_PROXY: 'localhost' },
      { ALL_PROXY: url, NO_PROXY: '*' },
      { HTTPS_PROXY: url },
    ]) {
      environment(variables);
      expect(await get(endpoint)).toBe(HELLO);
    }
    expect(asked).toEqual([]);
  });

  it.each([false, true])('that refuses is told (TLS: %s)', async (secure) => {
    const endpoint = await engine(secure);
    const variable = secure ? 'HTTPS_PROXY' : 'HTTP_PROXY';
    environment({ [variable]: (await proxy(407)).url.replace('//', '//me:geheim@') });
    await expect(get(endpoint)).rejects.toMatchObject({
      code: 'EREMOTE',
      message: expect.stringMatching(
        /^localhost\S* by the proxy localhost:\d+: it asks for a user and a password; [^\n]*$/,
      ),
    });
    environment({ [variable]: (await proxy(503)).url });
    expect(await get(endpoint)).toMatch(/503|busy|slow/);
    environment({ [variable]: 'http://localhost:1' });
    expect(await get(endpoint)).toMatch(/by the proxy localhost:1: the connection is refused$/);
  });

  it('that never answers a CONNECT ends no later than its time, an abort or a close', async () => {
    const { url, open, asked } = await silentProxy();
    environment({ HTTPS_PROXY: url });
    const endpoint = 'https://localhost:1';
    for (const limits of [{ connectTimeout: 20 }, { requestTimeout: 20 }]) {
      const bucket = await opened(endpoint, limits);
      expect(await bucket.get('a')).toMatchObject({ kind: 'busy' });
      await vi.waitFor(() => expect(open()).toBe(0));
      await bucket.close();
    }
    const bucket = await opened(endpoint);
    const abort = new AbortController();
    const aborted = bucket.get('a', { signal: abort.signal });
    await asked;
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await vi.waitFor(() => expect(open()).toBe(0));

    const closed = bucket.get('a');
    await vi.waitFor(() => expect(open()).toBe(1));
    await bucket.close();
    expect(await closed).toMatchObject({ kind: 'busy' });
    await vi.waitFor(() => expect(open()).toBe(0));
  });

  it('without a scheme is one without TLS', async () => {
    const { url, asked } = await proxy();
    environment({ HTTPS_PROXY: new URL(url).host, AWS_CA_BUNDLE: authority });
    const endpoint = await engine(true);
    expect(await get(endpoint)).toBe(HELLO);
    expect(asked).toEqual([`CONNECT ${new URL(endpoint).host} `]);
  });

  it.each([false, true])('that has no TLS and should is told (TLS: %s)', async (secure) => {
    const url = (await proxy()).url.replace('http:', 'https:');
    environment({ [secure ? 'HTTPS_PROXY' : 'HTTP_PROXY']: url });
    await expect(get(await engine(secure))).rejects.toMatchObject({
      code: 'EREMOTE',
      message: expect.stringMatching(
        /^localhost\S* by the proxy localhost:\d+: the proxy does not answer as expected; look at/,
      ),
    });
  });

  it('is not blamed for an engine without TLS behind it', async () => {
    environment({ HTTPS_PROXY: (await proxy()).url });
    const endpoint = (await engine(false)).replace('http:', 'https:');
    await expect(get(endpoint)).rejects.toThrow(
      `${endpoint} does not answer as expected; is ${endpoint.replace('https:', 'http:')} meant`,
    );
  });

  it('that makes no sense is told', async () => {
    environment({ HTTP_PROXY: 'socks5://localhost:1' });
    await expect(get(await engine(false))).rejects.toMatchObject({
      code: 'EINVAL',
      message: 'HTTP_PROXY must be http://HOST:PORT or https://HOST:PORT',
    });
  });
});

describe('AWS_CA_BUNDLE', () => {
  it('names the authorities that are trusted', async () => {
    const endpoint = await engine(true);
    environment({});
    await expect(get(endpoint)).rejects.toMatchObject({
      code: 'EREMOTE',
      message: expect.stringMatching(/its certificate is not trusted .*AWS_CA_BUNDLE names a file/),
    });
    environment({ AWS_CA_BUNDLE: authority });
    expect(await get(endpoint)).toBe(HELLO);
  });

  it('may be named by the profile, and goes first', async () => {
    const endpoint = await engine(true);
    const folder = scratchFolder();
    const config = join(folder, 'config');
    const other = join(folder, 'other.pem');
    writeFileSync(config, `[profile inner]\nca_bundle = ${authority}\n`);
    environment({});
    vi.stubEnv('AWS_CONFIG_FILE', config);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'none'));
    vi.stubEnv('AWS_PROFILE', 'inner');
    expect(await get(endpoint)).toBe(HELLO);
    vi.stubEnv('AWS_CA_BUNDLE', other);
    await expect(get(endpoint)).rejects.toThrow(`AWS_CA_BUNDLE: ${other}: no such file`);
    const broken = join(folder, 'broken');
    writeFileSync(broken, `[profile inner]\nca_bundle = ${other}\n`);
    vi.stubEnv('AWS_CA_BUNDLE', '');
    vi.stubEnv('AWS_CONFIG_FILE', broken);
    await expect(get(endpoint)).rejects.toThrow(`ca_bundle of the profile: ${other}: no such file`);
  });

  it('that cannot be read, or holds none, is told', async () => {
    const file = join(scratchFolder(), 'bundle.pem');
    environment({ AWS_CA_BUNDLE: file });
    const said = (message: string) =>
      expect(get('https://localhost:1')).rejects.toMatchObject({ code: 'EINVAL', message });
    await said(`AWS_CA_BUNDLE: ${file}: no such file or directory`);
    writeFileSync(file, 'nothing');
    await said(`AWS_CA_BUNDLE: ${file} holds no certificate in PEM`);
  });
});

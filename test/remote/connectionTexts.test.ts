/** A remote that cannot be reached: what the user reads, and that no password is in it. */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redactUrl, redactUrls } from '../../src/git/wire/redactUrl.ts';
import { GitStore, RemoteError } from '../../src/index.ts';
import { connectionReason } from '../../src/systemFaults.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const servers: Server[] = [];
let store: GitStore;

beforeAll(async () => {
  store = await GitStore.open(join(scratchFolder(), 's.git'));
});

afterAll(async () => {
  for (const server of servers) server.close();
  await store.close();
});

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const resets = () => createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
const garbage = () => createServer((socket) => socket.once('data', () => socket.end('220 hi\r\n')));

describe.each(['http', 'https', 'git'])('%s', (scheme) => {
  test.each([
    ['nobody listens', closedPort, /connection refused; check that the server runs, and its port$/],
    ['the server hangs up', () => portOf(resets()), /broke the connection off; try again$/],
  ])('%s', async (_what, start, text) => {
    const port = await start();
    const url = `${scheme}://ada:hidden@127.0.0.1:${port}/x.git`;
    const error: RemoteError = await store.backup(url).then(
      () => expect.fail('it went through'),
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(RemoteError);
    expect(error.message).toMatch(text);
    expect(error.message).toMatch(/^No connection to (http|https|git):\/\/127/);
    expect(error.message).not.toMatch(/hidden|E[A-Z]{4,}|connect |socket/);
  });
});

test('what answers is no HTTP, or no TLS', async () => {
  const port = await portOf(garbage());
  await expect(store.backup(`http://127.0.0.1:${port}/x`)).rejects.toThrow(
    /its answer is no HTTP; check the port$/,
  );
  const plain = await portOf(createHttpServer((_, response) => response.end()));
  await expect(store.backup(`https://127.0.0.1:${plain}/x`)).rejects.toThrow(
    /does not speak TLS; check the port, or use http/,
  );
});

test.each([
  'EACCES',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HPE_INVALID_CONSTANT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])('%s is told with a next step', (code) => {
  const error = Object.assign(new Error(`${code}: raw words, connect`), {
    code,
    syscall: 'connect',
  });
  const text = connectionReason(error);
  expect(text).toContain('; ');
  expect(text).not.toContain(code);
});

test.each([
  ['https://u:pw@host/x', 'https://host/x'],
  ['https://u:p/w@host/x', 'https://…@host/x'],
  ['https://u:p#w@host/x', 'https://…@host/x'],
  ['https://u:p?w@host:99999/x', 'https://…@host:99999/x'],
  ['https://host/x?token=pw', 'https://host/x'],
  ['u:pw@host:x', 'host:x'],
  ['https://host/@scope/x', 'https://host/@scope/x'],
  ['s3://key:pw@bucket/x', 's3://bucket/x'],
])('%s is shown as %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown);
  if (url.startsWith('https://u'))
    expect(redactUrls(`No '${url}': try`)).toBe(`No '${shown}': try`);
});

test('a URL as the store is refused, and shows no password', async () => {
  for (const create of [true, false]) {
    const error = await GitStore.open('https://u:pw@host/x.git', { create }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'EINVAL' });
    expect(JSON.stringify([error.message, error.path, error.stack])).not.toContain('pw');
    expect(error.message).toContain('restore https://host/x.git');
  }
});

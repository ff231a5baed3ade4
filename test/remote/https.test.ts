/** https in a process of its own, which is told of a certificate that was made here. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { basename, delimiter, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { findCredentials } from '../../src/remote/connections/credentials.ts';
import { buildProgram } from '../helpers/build.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { exampleStore, refsOf } from './places.ts';
import { fakeProgram, httpBackend } from './servers.ts';

const TOKEN = 'gho_ThisIsAToken';

const closing: (() => void)[] = [];

afterAll(() => {
  for (const close of closing) close();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

let cli: string;
beforeAll(async () => {
  cli = (await buildProgram()).cli;
});

function pathWith(program: string): string {
  return `${dirname(program)}${delimiter}${process.env.PATH}`;
}

test('a token of gh, when Git knows nothing, and only for https', async () => {
  vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
  const gh = fakeProgram('gh', `echo ${TOKEN}`);
  vi.stubEnv('PATH', pathWith(gh.program));
  const folder = scratchFolder();
  vi.stubEnv('GH_CONFIG_DIR', folder);
  vi.stubEnv('GH_HOST', '');
  writeFileSync(join(folder, 'hosts.yml'), 'example.com:\n    user: ada\n    host.test:\n');
  const ask = (url: string, useGh = true) =>
    findCredentials(new URL(url), { username: undefined, folder, useGh });
  const found = await ask('https://example.com/a.git');
  expect(found).toMatchObject({ username: 'x-access-token', password: TOKEN });
  expect(readFileSync(gh.log, 'utf8')).toBe('auth\ntoken\n--hostname\nexample.com\n');
  rmSync(gh.log);
  expect(await ask('http://example.com/a.git')).toBeUndefined();
  // A host that gh has no login for gets the token of the environment from it, were it asked.
  expect(await ask('https://other.test/a.git')).toBeUndefined();
  expect(await ask('https://host.test/a.git')).toBeUndefined();
  expect(await ask('https://example.com:444/a.git')).toBeUndefined();
  expect(await ask('https://example.com/a.git', false)).toBeUndefined();
  expect(existsSync(gh.log)).toBe(false);
  vi.stubEnv('GH_HOST', 'other.test');
  expect(await ask('https://other.test/a.git')).toMatchObject({ password: TOKEN });
  expect(await ask('https://github.com/a.git')).toMatchObject({ password: TOKEN });
});

test('a restore over https with that token, which shows nowhere', async ({ skip }) => {
  const folder = scratchFolder();
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
  const made = spawnSync('openssl', [...args, '-keyout', key, '-out', certificate]);
  if (made.status !== 0) skip('openssl is missing');

  const source = await exampleStore();
  const backend = httpBackend(dirname(source.path));
  const right = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
      if (request.headers.authorization === right) return backend(request, response);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' });
      response.end();
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `https://localhost:${(server.address() as AddressInfo).port}/${basename(source.path)}`;
  const gh = fakeProgram('gh', `echo ${TOKEN}`);
  const env = {
    PATH: pathWith(gh.program),
    NODE_EXTRA_CA_CERTS: certificate,
    GH_HOST: new URL(url).host,
  };

  const store = join(folder, 'store.git');
  const { code, stdout, stderr } = await runNode([cli, '-v', '-r', store, 'restore', url], { env });
  expect({ code, stdout: stdout.toString() }, stderr).toEqual({ code: 0, stdout: '' });
  expect(refsOf(store)).toEqual(refsOf(source.path));
  expect(stderr).toContain('remote: ');
  expect(stderr).not.toContain(TOKEN);

  // A certificate that nobody vouches for is refused.
  const other = await runNode([cli, '-r', store, 'restore', url], { env: { PATH: env.PATH } });
  expect(other.code).toBe(1);
  expect(other.stderr).toMatch(/^Error: No connection to https:.*certificate.*\n$/i);
  await source.close();
});

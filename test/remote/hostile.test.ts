/**
 * Servers that do not keep to their part: they hang up, send garbage, promise what they do not send,
 * want to see credentials, send us elsewhere. The store stays as it was, and the error says why.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ZERO_ID } from '../../src/git/objectId.ts';
import {
  Band,
  bandPackets,
  DELIMITER_PACKET,
  FLUSH_PACKET,
  packet,
  packetLine,
} from '../../src/git/wire/pktLine.ts';
import type { AuthRequest, GitStore } from '../../src/index.ts';
import { RemoteRefList } from '../../src/remote/wire/greeting.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { emptyBare, exampleStore, expectSound, newStore, refsOf } from './places.ts';
import { credentialHelper, fakeProgram, type Handler, httpBackend, serveHttp } from './servers.ts';

let source: GitStore;
let path: string;

beforeAll(async () => {
  source = await exampleStore();
  path = source.path;
});

afterAll(() => source.close());

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A restore that must fail and leave the store as it was; the error. */
async function failing(url: string): Promise<Error & { code?: string }> {
  const store = await newStore();
  const error = await store.restore(url).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  expect(refsOf(store.path)).toEqual({});
  expect(git(store.path, 'count-objects', '-v')).toMatch(/count: 0.*packs: 0/s);
  await store.close();
  return error!;
}

const ADVERTISEMENT = 'application/x-git-upload-pack-advertisement';
const RESULT = 'application/x-git-upload-pack-result';

/** A server of version 2 that lists one branch and answers a fetch with these bytes. */
function answering(tip: string, answer: readonly Uint8Array[] | 'hang up'): Handler {
  return (request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': ADVERTISEMENT });
      const lines = ['version 2', 'ls-refs', 'fetch', 'object-format=sha1'].map(packetLine);
      response.end(Buffer.concat([...lines, FLUSH_PACKET]));
      return;
    }
    let body = '';
    request.on('data', (data) => {
      body += data;
    });
    request.on('end', () => {
      response.writeHead(200, { 'content-type': RESULT });
      if (body.includes('command=ls-refs')) {
        response.end(Buffer.concat([packetLine(`${tip} refs/heads/main`), FLUSH_PACKET]));
      } else if (answer === 'hang up') {
        response.write(packetLine('packfile'));
        response.socket?.destroy();
      } else response.end(Buffer.concat(answer));
    });
  };
}

const packfile = (pack: Uint8Array): Buffer[] => [
  packetLine('packfile'),
  ...bandPackets(Band.progress, Buffer.from('Counting objects\n')),
  ...bandPackets(Band.data, pack),
  FLUSH_PACKET,
];

/** A pack by Git of what a revision leads to, less some objects. */
function packOf(revision: string, ...less: string[]): Buffer {
  const listed = gitBytes(path, ['rev-list', '--objects', revision]).toString().trim();
  const ids = listed.split('\n').map((line) => line.slice(0, 40));
  const input = Buffer.from(`${ids.filter((id) => !less.includes(id)).join('\n')}\n`);
  return gitBytes(path, ['pack-objects', '--stdout', '-q'], input);
}

describe('a fetch', () => {
  const tip = () => git(path, 'rev-parse', 'main');

  test('that is answered well, to see that these servers are understood', async () => {
    const store = await newStore();
    await store.restore(await serveHttp(answering(tip(), packfile(packOf('main')))));
    expect(refsOf(store.path)).toEqual({ 'refs/heads/main': tip() });
    expectSound(store.path);
    await store.close();
  });

  test('without an object that others lead to', async () => {
    for (const revision of ['main~4', 'main~3:dir1', 'main~6:README.md']) {
      const lost = git(path, 'rev-parse', revision);
      const url = await serveHttp(answering(tip(), packfile(packOf('main', lost))));
      expect((await failing(url)).message).toContain(lost);
    }
    const url = await serveHttp(answering('1'.repeat(40), packfile(packOf('main'))));
    expect((await failing(url)).message).toContain('1'.repeat(40));
  });

  test('with a pack that is cut off, damaged, or no pack', async () => {
    const pack = packOf('main');
    const damaged = Buffer.from(pack);
    damaged[200]! ^= 1;
    for (const bytes of [pack.subarray(0, -30), damaged, Buffer.from('garbage'), Buffer.alloc(0)]) {
      const error = await failing(await serveHttp(answering(tip(), packfile(bytes))));
      expect(error.code).toBe('ECORRUPT');
    }
  });

  test.each<[string, readonly Uint8Array[] | 'hang up', RegExp]>([
    ['cut off', 'hang up', /hung up|No connection/],
    ['garbage', [Buffer.from('<html>Welcome</html>')], /does not speak Git's protocol/],
    ['nothing', [], /no pack/],
    ['another section', [packetLine('surprise'), FLUSH_PACKET], /no pack/],
    ['an error', [packet('ERR out of disk')], /out of disk/],
    [
      'an error within the pack',
      [
        packetLine('packfile'),
        ...bandPackets(Band.error, Buffer.from('fatal: lost')),
        FLUSH_PACKET,
      ],
      /lost/,
    ],
    [
      'an unknown band',
      [packetLine('packfile'), packet('\x09hello'), FLUSH_PACKET],
      /unknown band/,
    ],
    [
      'acknowledgments that are none',
      [packetLine('acknowledgments'), packetLine('perhaps'), DELIMITER_PACKET],
      /perhaps/,
    ],
    [
      'an acknowledgment of a path',
      [packetLine('acknowledgments'), packetLine('ACK ../../../etc/hostname'), DELIMITER_PACKET],
      /no object id/,
    ],
    [
      'an acknowledgment of a longer id',
      [packetLine('acknowledgments'), packetLine(`ACK ${'1'.repeat(41)}`), DELIMITER_PACKET],
      /no object id/,
    ],
    [
      'a shallow history',
      [
        packetLine('shallow-info'),
        packetLine(`shallow ${'1'.repeat(40)}`),
        DELIMITER_PACKET,
        ...packfile(Buffer.alloc(0)),
      ],
      /shallow/,
    ],
  ])('answered with %s', async (_name, answer, message) => {
    expect((await failing(await serveHttp(answering(tip(), answer)))).message).toMatch(message);
  });
});

describe('a first answer', () => {
  const answers = (status: number, type: string, body: string | Buffer): Handler => {
    return (_request, response) => {
      response.writeHead(status, { 'content-type': type });
      response.end(body);
    };
  };

  test.each<[string, number, string, string | Buffer, RegExp]>([
    ['a page', 200, 'text/html', '<html>', /no Git repository with smart HTTP/],
    ['garbage', 200, ADVERTISEMENT, 'garbage', /does not speak Git's protocol/],
    ['nothing', 200, ADVERTISEMENT, '', /empty answer/],
    ['what is no ref', 200, ADVERTISEMENT, packetLine('hello world'), /no ref/],
    ['another object format', 200, ADVERTISEMENT, sha256(), /sha256/],
    ['404', 404, 'text/plain', 'No such project\n', /no such repository: No such project/],
    ['403', 403, 'text/html', '<b>no</b>', /access is denied$/],
    ['500', 500, 'text/plain', 'x'.repeat(100_000), /500/],
  ])('%s', async (_name, status, type, body, message) => {
    expect((await failing(await serveHttp(answers(status, type, body)))).message).toMatch(message);
  });

  function sha256(): Buffer {
    const lines = ['version 2', 'fetch', 'ls-refs', 'object-format=sha256'].map(packetLine);
    return Buffer.concat([...lines, FLUSH_PACKET]);
  }

  test('a server that hangs up, and none', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    for (const scheme of ['http', 'git']) {
      const error = await failing(`${scheme}://127.0.0.1:${port}/x.git`);
      expect(['EREMOTE', 'EPROTO']).toContain(error.code);
    }
    await new Promise((resolve) => server.close(resolve));
    for (const scheme of ['http', 'git']) {
      const error = await failing(`${scheme}://127.0.0.1:${port}/x.git`);
      expect(error).toMatchObject({ code: 'EREMOTE' });
      expect(error.message).toContain('connection refused');
    }
  });

  test('more refs than are taken', () => {
    const list = new RemoteRefList();
    const add = () => {
      for (let i = 0; i <= 1_000_000; i++) list.add('refs/heads/a', ZERO_ID);
    };
    expect(add).toThrow('more than 1000000 refs');
  });

  test('refs with names that no repository can have are passed over', async () => {
    const tip = git(path, 'rev-parse', 'main');
    const handler = answering(tip, packfile(packOf('main')));
    const url = await serveHttp((request, response) => {
      if (request.method === 'GET') return handler(request, response);
      let body = '';
      request.on('data', (data) => {
        body += data;
      });
      request.on('end', () => {
        response.writeHead(200, { 'content-type': RESULT });
        const names = [
          'refs/heads/../../x',
          'refs/heads/a.lock',
          'refs/heads/ok',
          'refs/heads/a~b',
        ];
        const lines = names.map((name) => packetLine(`${tip} ${name}`));
        if (body.includes('ls-refs')) response.end(Buffer.concat([...lines, FLUSH_PACKET]));
        else response.end(Buffer.concat(packfile(packOf('main'))));
      });
    });
    const store = await newStore();
    await store.restore(url);
    expect(Object.keys(refsOf(store.path))).toEqual(['refs/heads/ok']);
    await store.close();
  });
});

/** A handler that lets a request through only with this user and password; what came is in `seen`. */
function guarded(handler: Handler, user: string, password: string, seen: string[] = []): Handler {
  const right = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return (request, response) => {
    const { authorization = 'none' } = request.headers;
    seen.push(authorization);
    if (authorization === right) return handler(request, response);
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' });
    response.end();
  };
}

describe('credentials', () => {
  const PASSWORD = 'p@ss w:rd/1';

  const guardedUrl = async (seen?: string[]): Promise<URL> => {
    const base = await serveHttp(guarded(httpBackend(dirname(path)), 'ada', PASSWORD, seen));
    return new URL(`${base}/${basename(path)}`);
  };

  test('of the URL', async () => {
    const url = await guardedUrl();
    url.username = 'ada';
    url.password = PASSWORD;
    const store = await newStore();
    await store.restore(url.href);
    expect(refsOf(store.path)).toEqual(refsOf(path));
    // They are not kept anywhere.
    const entries = await store.branches.reflog('main');
    expect(entries[0]?.message).toBe(`restore: from ${url.origin}${url.pathname}`);
    await store.close();
  });

  test('of a helper of Git, which hears whether they were right', async () => {
    const helper = credentialHelper('ada', PASSWORD);
    vi.stubEnv('GIT_CONFIG_GLOBAL', helper.config);
    const store = await newStore();
    await store.restore((await guardedUrl()).href);
    expect(refsOf(store.path)).toEqual(refsOf(path));
    expect(readFileSync(helper.log, 'utf8').split('\n').filter(Boolean)).toEqual(['get', 'store']);
    await store.close();

    const wrong = credentialHelper('ada', 'wrong-password');
    vi.stubEnv('GIT_CONFIG_GLOBAL', wrong.config);
    const error = await failing((await guardedUrl()).href);
    expect(error.message).toMatch(/the credentials are refused/);
    expect(readFileSync(wrong.log, 'utf8').split('\n').filter(Boolean)).toEqual(['get', 'erase']);
  });

  test('of onAuth, before those of a helper, and again when they are refused', async () => {
    const helper = credentialHelper('ada', 'wrong-password');
    vi.stubEnv('GIT_CONFIG_GLOBAL', helper.config);
    const url = await guardedUrl();
    const store = await newStore();
    const asked: AuthRequest[] = [];
    await store.restore(url, {
      onAuth: async (request) => {
        asked.push(request);
        return { username: 'ada', password: request.refused ? PASSWORD : 'old-password' };
      },
    });
    expect(refsOf(store.path)).toEqual(refsOf(path));
    expect(asked).toMatchObject([{ refused: false }, { refused: true }]);
    expect(asked[0]?.url).toBe(`${url.origin}${url.pathname}/info/refs`);
    expect(existsSync(helper.log)).toBe(false);
    const wrong = store.restore(url, { onAuth: () => ({ password: 'all-wrong-1' }) });
    await expect(wrong).rejects.toThrow(/the credentials are refused/);
    const odd = store.restore(url, { onAuth: () => 'secret' as never });
    await expect(odd).rejects.toThrow(/onAuth must give \{ username, password \} or nothing/);
    await store.close();
  });

  test('that nobody knows: an error at once, nobody is asked', async () => {
    vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
    const asked = fakeProgram('askpass', 'echo secret');
    vi.stubEnv('GIT_ASKPASS', asked.program);
    vi.stubEnv('SSH_ASKPASS', asked.program);
    expect((await failing((await guardedUrl()).href)).message).toMatch(/credentials are needed/);
    expect(existsSync(asked.log)).toBe(false);
  });

  test('never show in a message, whoever wrote it', async () => {
    const telling: Handler = (request, response) => {
      const { authorization = '' } = request.headers;
      const clear = Buffer.from(authorization.slice('Basic '.length), 'base64').toString();
      response.writeHead(403, { 'content-type': 'text/plain' });
      response.end(`${authorization} ${clear} ${encodeURIComponent(clear.slice(4))}`);
    };
    const url = new URL(`${await serveHttp(telling)}/x.git`);
    url.username = 'ada';
    url.password = PASSWORD;
    const error = await failing(url.href);
    const text = `${error.message} ${error.stack} ${JSON.stringify(error)}`;
    expect(error.message).toContain('***');
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), url.password]) {
      expect(text).not.toContain(secret);
    }
    expect(text).not.toContain(Buffer.from(`ada:${PASSWORD}`).toString('base64'));
  });

  test('a push with credentials, of a pack that has to be sent twice', async () => {
    const target = emptyBare();
    git(target, 'config', 'http.receivepack', 'true');
    // Asks only when it is sent something, as some servers do.
    const backend = httpBackend(dirname(target));
    const guard = guarded(backend, 'ada', PASSWORD);
    const base = await serveHttp((request, response) =>
      (request.method === 'GET' ? backend : guard)(request, response),
    );
    const helper = credentialHelper('ada', PASSWORD);
    vi.stubEnv('GIT_CONFIG_GLOBAL', helper.config);
    await source.backup(`${base}/${basename(target)}`);
    expect(refsOf(target)).toEqual(refsOf(path));
  });
});

describe('redirects', () => {
  test('are followed, and credentials stay behind when they lead to another host', async () => {
    const seen: string[] = [];
    const backend = httpBackend(dirname(path));
    const there = await serveHttp((request, response) => {
      seen.push(request.headers.authorization ?? 'none');
      backend(request, response);
    });
    const here = await serveHttp((request, response) => {
      response.writeHead(301, { location: `${there}${request.url?.replace('/old', '')}` });
      response.end();
    });
    const url = new URL(`${here}/old/${basename(path)}`);
    url.username = 'ada';
    url.password = 'secret-word';
    const store = await newStore();
    await store.restore(url.href);
    expect(refsOf(store.path)).toEqual(refsOf(path));
    expect(new Set(seen)).toEqual(new Set(['none']));
    await store.close();
  });

  test('of one host keep them', async () => {
    const seen: string[] = [];
    const backend = httpBackend(dirname(path));
    const base = await serveHttp((request, response) => {
      if (request.url?.startsWith('/old')) {
        response.writeHead(302, { location: request.url.replace('/old', '') });
        response.end();
        return;
      }
      guarded(backend, 'ada', 'secret-word', seen)(request, response);
    });
    const url = new URL(`${base}/old/${basename(path)}`);
    url.username = 'ada';
    url.password = 'secret-word';
    const store = await newStore();
    await store.restore(url.href);
    expect(refsOf(store.path)).toEqual(refsOf(path));
    expect(seen).not.toContain('none');
    await store.close();
  });

  test('credentials in the target of a redirect are not taken', async () => {
    const seen: string[] = [];
    const there = await serveHttp(guarded(httpBackend(dirname(path)), 'eve', 'trap-word', seen));
    const here = await serveHttp((request, response) => {
      const location = new URL(request.url!, there);
      location.username = 'eve';
      location.password = 'trap-word';
      response.writeHead(302, { location: location.href });
      response.end();
    });
    vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
    await failing(`${here}/${basename(path)}`);
    expect(seen).toEqual(['none']);
  });

  test.each([
    ['without end', (url: string) => url, /without end/],
    ['to another scheme', () => 'file:///etc/passwd', /not followed/],
    ['to what is no repository', () => '/elsewhere', /no repository/],
  ])('%s', async (_name, target, message) => {
    const url = await serveHttp((request, response) => {
      if (request.url === '/elsewhere') return void response.end('hello');
      response.writeHead(302, { location: target(request.url!) });
      response.end();
    });
    expect((await failing(`${url}/x.git`)).message).toMatch(message);
  });
});

test('an abort ends a restore and a backup that wait for an answer', async () => {
  const silent = await serveHttp(() => {});
  for (const work of ['restore', 'backup'] as const) {
    const abort = new AbortController();
    const done = source[work](`${silent}/x.git`, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(done).rejects.toThrow('enough');
  }
});

/** What a client must not be able to do, and what may happen to the store meanwhile. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { effort } from '../crash/stress.ts';
import { expectClean } from '../helpers/git.ts';
import { runCommand } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { Client } from './client.ts';

const SECRET = 'in another branch only';
const BIG = Buffer.alloc(24 << 20);
for (let i = 0; i < BIG.length; i += 4) BIG.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);

const path = join(scratchFolder(), 'store.git');
let store: GitStore;
let client: Client;
let all: Client;

beforeAll(async () => {
  store = await GitStore.open(path, { durability: 'fast' });
  const main = await store.branches.get('main');
  const other = await store.branches.set('other', main);
  await other.writeText('secret.txt', SECRET);
  await main.apply({
    writes: {
      'a.txt': 'alpha',
      'dir/b.txt': 'beta',
      'big.bin': BIG,
      'text.txt': 'word\n'.repeat(5000),
      'long.txt': BIG.toString('hex', 0, BIG.length / 2),
    },
  });
  client = await Client.of(store);
  all = await Client.of(store, { all: true });
});

afterAll(() => store.close());

/** Whether it still answers as it should. */
async function expectAlive(): Promise<void> {
  const { status, text } = await client.ask('/a.txt');
  expect([status, text]).toEqual([200, 'alpha']);
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? 0);
}

describe('requests', () => {
  it('no URL leads out of the snapshot', { timeout: 60_000 }, async () => {
    const part = fc.oneof(
      fc.constantFrom(
        ...[
          '..',
          '.',
          '%2e%2e',
          '%2E.',
          '%2f',
          '%5c',
          '\\',
          '%00',
          '%c0%ae',
          '%e0%80%ae',
          '//',
          '/',
          '~',
        ],
        ...[
          'secret.txt',
          'other',
          'refs',
          'heads',
          '.git',
          'objects',
          'HEAD',
          'config',
          '_',
          'blobs',
        ],
        ...[
          'dir',
          'a.txt',
          '?at=',
          '?view',
          '?diff&to=',
          'other:secret.txt',
          '%',
          '%zz',
          '\x80\xff',
          ';',
          '#',
        ],
      ),
      fc.string({ maxLength: 3 }).map(encodeURIComponent),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), fc.boolean(), async (parts, slashes) => {
        const target = `/${parts.join(slashes ? '/' : '')}`.replace(/[\s\0]/g, '');
        const answer = await client.raw(
          Buffer.from(
            `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
            'latin1',
          ),
        );
        const status = statusOf(answer);
        expect([200, 304, 400, 404]).toContain(status);
        expect(answer).not.toContain(SECRET);
        expect(answer).not.toContain('repositoryformatversion');
      }),
      { numRuns: effort(60, 5000).count },
    );
    await expectAlive();
    expect(client.faults).toEqual([]);
  });

  it.each([
    ['garbage', 'nonsense\r\n\r\n', 400],
    ['no path', 'GET x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['a huge field', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
    ['a huge path', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 431],
    [
      'a long path',
      `GET /${'x/'.repeat(6000)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      404,
    ],
    [
      'a body nobody wants',
      `GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello`,
      200,
    ],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
      400,
    ],
    [
      'smuggling',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'an endless body',
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n${'x'.repeat(9999)}`,
      405,
    ],
    [
      'a question first',
      'PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
      405,
    ],
    [
      'another protocol',
      'GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n',
      200,
    ],
  ])('%s', async (_, bytes, status) => {
    expect(statusOf(await client.raw(bytes))).toBe(status);
    await expectAlive();
  });

  it('CONNECT and TRACE get nothing', async () => {
    for (const method of ['CONNECT x:1', 'TRACE /']) {
      const answer = await client.raw(
        `${method} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).not.toMatch(/^HTTP\/1\.1 200/);
    }
    await expectAlive();
  });

  it('no field of a request makes it fail', async () => {
    const value = fc.oneof(
      fc.constantFrom(
        '*',
        '"',
        'W/',
        'W/"',
        '""',
        ',',
        ',,,',
        'bytes=',
        'bytes=-',
        'bytes=0-,',
        'q=',
        ';;',
        '*/*',
      ),
      fc.string({ maxLength: 30 }).map((text) => text.replace(/[^\x21-\x7e]/g, '')),
      fc.constantFrom('bytes=0-1,'.repeat(150), '"x",'.repeat(300), 'gzip;q=0.1,'.repeat(150)),
    );
    const name = fc.constantFrom(
      ...[
        'range',
        'if-range',
        'if-none-match',
        'if-match',
        'accept',
        'accept-encoding',
        'if-modified-since',
      ],
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, value),
        fc.constantFrom('/a.txt', '/text.txt', '/', '/dir/?history'),
        async (headers, target) => {
          const { status } = await client.ask(target, headers);
          expect([200, 206, 304, 412, 416]).toContain(status);
        },
      ),
      { numRuns: effort(60, 5000).count },
    );
    expect(client.faults).toEqual([]);
  });

  it('a line in the log is one line, whatever was asked', async () => {
    client.log.length = 0;
    await client.raw('GET /a"b\\c%0a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await expectAlive();
    expect(client.log[0]).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/a\\"b\\\\c%0a HTTP\/1\.1" 404 \d+$/,
    );
  });
});

describe('clients', () => {
  it('a thousand at once', { timeout: 60_000 }, async () => {
    const targets = ['/a.txt', '/dir/b.txt', '/text.txt', '/', '/a.txt?view'];
    const statuses = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => (await client.ask(targets[i % 5]!)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('a thousand that never say what they want hold nobody up, nor the end', async () => {
    const own = await Client.of(store);
    const { port } = own.server;
    const idle = await Promise.all(
      Array.from(
        { length: 1000 },
        (_, i) =>
          new Promise<Socket>((resolve) => {
            const socket = connect(port, '127.0.0.1', () => {
              if (i % 2 === 0) socket.write('GET /a.txt HTTP/1.1\r\nHo');
              resolve(socket);
            });
            socket.on('error', () => {});
          }),
      ),
    );
    expect((await own.ask('/a.txt')).text).toBe('alpha');
    await own.server.close();
    for (const socket of idle) socket.destroy();
  });

  it.skipIf(process.platform !== 'linux')(
    'one that leaves in the middle leaves nothing open',
    async () => {
      const descriptors = () => readdirSync('/proc/self/fd').length;
      await client.ask('/big.bin', { range: 'bytes=0-9' });
      const before = descriptors();
      const leave = (target: string) =>
        new Promise<void>((resolve) => {
          const socket = connect(client.server.port, '127.0.0.1', () => {
            socket.write(
              `GET ${target} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n`,
            );
          });
          socket.once('data', () => socket.destroy());
          socket.on('close', () => resolve());
        });
      for (let round = 0; round < 10; round++) {
        await Promise.all(['/big.bin', '/text.txt', '/big.bin', '/?history'].map(leave));
      }
      for (let tries = 0; descriptors() > before && tries < 100; tries++) await sleep(20);
      expect(descriptors()).toBeLessThanOrEqual(before);
      await expectAlive();
      expect(client.faults).toEqual([]);
    },
  );

  it('a hundred that do not read what is compressed for them: some get it as it is', async () => {
    const sockets: Socket[] = [];
    const codingOf = () =>
      new Promise<string | undefined>((resolve) => {
        const socket = connect(client.server.port, '127.0.0.1', () => {
          socket.write(
            'GET /long.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n',
          );
        });
        sockets.push(socket);
        socket.once('data', (chunk) => {
          socket.pause();
          resolve(/content-encoding: (\w+)/i.exec(chunk.toString('latin1'))?.[1]);
        });
        socket.on('error', () => {});
      });
    const codings = await Promise.all(Array.from({ length: 100 }, codingOf));
    const compressed = codings.filter((coding) => coding === 'gzip').length;
    expect(compressed).toBeGreaterThan(10);
    expect(compressed).toBeLessThan(100);
    await expectAlive();
    for (const socket of sockets) socket.destroy();
    let coding: string | undefined;
    for (let tries = 0; coding === undefined && tries < 100; tries++) {
      await sleep(20);
      coding = await codingOf();
    }
    expect(coding).toBe('gzip');
    for (const socket of sockets) socket.destroy();
    expect(client.faults).toEqual([]);
  });

  it('one that reads slowly gets all of it', async () => {
    const answer = await new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      const socket = connect(client.server.port, '127.0.0.1', () => {
        socket.write('GET /big.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      });
      socket.on('data', (chunk) => {
        chunks.push(chunk);
        socket.pause();
        setImmediate(() => socket.resume());
      });
      socket.on('close', () => resolve(Buffer.concat(chunks)));
    });
    const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    expect(body.equals(BIG)).toBe(true);
  });

  it('several requests on one connection, all at once, are answered in order', async () => {
    const one = (target: string, more = '') =>
      `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
    const answer = await client.raw(
      one('/big.bin', 'Range: bytes=0-3\r\n') +
        one('/a.txt') +
        one('/none') +
        one('/dir/b.txt', 'Connection: close\r\n'),
    );
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '206',
      '200',
      '404',
      '200',
    ]);
    expect(answer.indexOf('alpha')).toBeLessThan(answer.indexOf('beta'));
  });

  it('running answers are finished when the server closes', async () => {
    const own = await Client.of(store);
    const socket = connect(own.server.port, '127.0.0.1');
    let bytes = 0;
    const ended = new Promise((resolve) => socket.on('close', resolve));
    socket.write('GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('readable', resolve));
    const closed = own.server.close();
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    await Promise.all([closed, ended]);
    expect(bytes).toBeGreaterThan(BIG.length);
    await expect(own.ask('/a.txt')).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe('a store that changes', () => {
  it('is read right while it is written, packed and collected', { timeout: 120_000 }, async () => {
    let stop = false;
    let written = 0;
    const writer = (async () => {
      for (; !stop; written++) {
        const fs = await store.branches.get('main');
        const text = `${written}\n`.repeat(300);
        await fs.apply({ writes: { 'n.txt': text, 'm.txt': text, [`more/${written % 7}`]: text } });
        await sleep(2);
      }
    })();
    const packer = (async () => {
      const rounds = effort(2, 30).count;
      for (let i = 0; i < rounds; i++) {
        const args = i % 2 === 0 ? ['repack', '-adq'] : ['gc', '-q'];
        // In a process of its own, so that all the others go on meanwhile.
        // What it says about refs that move while it packs them is no fault.
        const { code } = await runCommand('git', ['--git-dir', path, ...args]);
        expect(code).toBe(0);
        await sleep(20);
      }
      stop = true;
    })();
    const readers = Array.from({ length: 6 }, async (_, i) => {
      while (!stop) {
        const target = ['/n.txt', '/', '/main/n.txt', '/big.bin', '/n.txt?history', '/more/?diff'][
          i
        ]!;
        const { status, headers, body } = await (i === 2 ? all : client).ask(target);
        if (written === 0 && status === 404) continue;
        expect({ target, status }).toEqual({ target, status: 200 });
        if (target.includes('?') || target === '/') continue;
        // What came is what the tag says, whole, and of one snapshot.
        const id = createHash('sha1').update(`blob ${body.length}\0`).update(body).digest('hex');
        expect(headers.etag).toBe(`"${id}"`);
      }
    });
    await Promise.all([writer, packer, ...readers]);
    expect(written).toBeGreaterThan(3);
    expect([...client.faults, ...all.faults]).toEqual([]);
    expectClean(path);
  });

  it('a commit of another process shows at once', async () => {
    for (let i = 0; i < 5; i++) {
      const other = await GitStore.open(path, { create: false, durability: 'fast' });
      await other.update('main', (fs) => fs.writeText('now.txt', `now ${i}`));
      await other.close();
      expect((await client.ask('/now.txt')).text).toBe(`now ${i}`);
      expect((await all.ask('/main/now.txt')).text).toBe(`now ${i}`);
    }
  });

  it('a branch that is gone is a 404, and one that comes back is there', async () => {
    const fs = await store.branches.get('main');
    await store.branches.set('temp', fs);
    const asked = await Client.of(store, { snapshot: 'temp' });
    expect((await asked.ask('/a.txt')).status).toBe(200);
    await store.branches.delete('temp');
    expect((await asked.ask('/a.txt')).status).toBe(404);
    expect((await all.ask('/temp/a.txt')).status).toBe(404);
    await store.branches.set('temp', fs);
    expect((await asked.ask('/a.txt')).status).toBe(200);
  });
});

/** gitserve and clients that mean no good, or know no better: it answers the next one all the same. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FLUSH_PACKET, packetLine } from '../../src/git/wire/pktLine.ts';
import { makeHistory } from '../graph/histories.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { someId } from '../storage/places.ts';
import { clone, expectSound, runGit, type Served, serveGit } from './gitServer.ts';

let store: string;
let server: Served;
let main: string;

beforeAll(async () => {
  store = makeHistory({ commits: 40 });
  main = git(store, 'rev-parse', 'main');
  server = await serveGit(store);
});

afterAll(async () => {
  await server?.stop();
});

/** Whatever was sent: the server has no error of its own, and serves the next client. */
afterEach(async () => {
  expect(server.errors).toEqual([]);
  expect(await runGit('/', 'ls-remote', server.url, 'refs/heads/main')).toContain(main);
});

const TYPE = 'application/x-git-upload-pack-request';

async function post(
  body: Uint8Array | string,
  version = 2,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server.url}git-upload-pack`, {
    method: 'POST',
    headers: { 'Content-Type': TYPE, 'Git-Protocol': `version=${version}`, ...headers },
    body,
  });
  return {
    status: response.status,
    text: Buffer.from(await response.arrayBuffer()).toString('latin1'),
  };
}

function lines(...texts: string[]): Buffer {
  return Buffer.concat(texts.map((text) => (text === '' ? FLUSH_PACKET : packetLine(text))));
}

function fetchOf(...args: string[]): Buffer {
  return Buffer.concat([packetLine('command=fetch'), Buffer.from('0001'), lines(...args, '')]);
}

describe('garbage', () => {
  test.each([
    ['no packets', 'hello, world'],
    ['a length that cannot be', 'fffffoo'],
    ['cut off', '0032want 1234'],
    ['zeros', Buffer.alloc(100_000)],
    ['nothing', ''],
    ['only a flush', '0000'],
    ['a delimiter', '0001'],
  ])('%s', async (_, body) => {
    for (const version of [0, 1, 2]) {
      const { status, text } = await post(body, version);
      expect(status === 400 || (status === 200 && /^$|ERR /.test(text))).toBe(true);
    }
  });

  test.each([
    [lines('command=rm-rf', '')],
    [lines('command=fetch', 'command=fetch', '')],
    [fetchOf('want 1234')],
    [fetchOf(`want ${main}`, 'nonsense')],
    [fetchOf(`want ${main}`, 'deepen -1')],
    [fetchOf(`want ${main}`, 'deepen 99999999999999999999')],
    [fetchOf(`want ${main}`, 'filter sparse:path=x', 'done')],
    [fetchOf(`want ${main}`, 'deepen-not no/such/ref', 'done')],
    [fetchOf(`want ${main}`, 'deepen 1', 'deepen-since 1', 'done')],
    [Buffer.concat([packetLine('object-format=sha256'), lines('command=ls-refs', '')])],
  ])('%s', async (body) => {
    const { status, text } = await post(body.toString().replaceAll('undefined', main));
    expect(status).toBe(200);
    expect(text).toMatch(/ERR /);
  });

  test('other methods, paths, types and compressions', async () => {
    const expectStatus = async (path: string, init: RequestInit, status: number) => {
      const response = await fetch(server.url + path, init);
      expect([path, response.status]).toEqual([path, status]);
      await response.arrayBuffer();
    };
    await expectStatus('', {}, 200);
    await expectStatus('info/refs', {}, 403);
    await expectStatus('info/refs?service=git-receive-pack', {}, 403);
    await expectStatus('git-receive-pack', { method: 'POST', body: 'x' }, 403);
    await expectStatus('HEAD', {}, 403);
    await expectStatus('objects/info/packs', {}, 403);
    await expectStatus('config', {}, 404);
    await expectStatus('..%2f..%2fetc/passwd', {}, 404);
    await expectStatus('info/refs?service=git-upload-pack', { method: 'DELETE' }, 405);
    await expectStatus('git-upload-pack', {}, 405);
    await expectStatus('git-upload-pack', { method: 'POST', body: 'x' }, 415);
    expect((await post('0000', 2, { 'Content-Encoding': 'br' })).status).toBe(415);
    expect((await post('no gzip', 2, { 'Content-Encoding': 'gzip' })).status).toBe(400);
  });
});

describe('wants', () => {
  const refused = /ERR upload-pack: not our ref/;

  test('for what is not here', async () => {
    expect((await post(fetchOf(`want ${someId(9)}`, 'done'))).text).toMatch(refused);
    expect((await post(lines(`want ${someId(9)}`, '', 'done'), 0)).text).toMatch(refused);
  });

  test('for what is here, but no ref leads to', async () => {
    const blob = gitBytes(store, ['hash-object', '-w', '--stdin'], Buffer.from('secret'))
      .toString()
      .trim();
    const tree = git(store, 'rev-parse', 'main^{tree}');
    const commit = git(store, 'commit-tree', '-m', 'secret', tree);
    for (const id of [blob, commit]) {
      expect((await post(fetchOf(`want ${id}`, 'done'))).text).toMatch(refused);
      expect((await post(lines(`want ${id}`, '', 'done'), 0)).text).toMatch(refused);
    }
    // It is fetched as soon as a ref leads there, and no more when none does.
    git(store, 'update-ref', 'refs/heads/shown', commit);
    expect((await post(fetchOf(`want ${commit}`, 'done'))).text).toContain('PACK');
    git(store, 'update-ref', '-d', 'refs/heads/shown');
    expect((await post(fetchOf(`want ${commit}`, 'done'))).text).toMatch(refused);
  });

  test('for old commits, trees and blobs that refs lead to', async () => {
    for (const name of ['main~7', 'main~7^{tree}', 'main~9:top.txt']) {
      const id = git(store, 'rev-parse', name);
      expect((await post(fetchOf(`want ${id}`, 'done'))).text).toContain('PACK');
    }
  });
});

describe('negotiation', () => {
  test('haves without end are cut short, and take no memory', async () => {
    const have = packetLine(`have ${someId(1)}`);
    const parts: Buffer[] = [
      packetLine('command=fetch'),
      Buffer.from('0001'),
      packetLine(`want ${main}`),
    ];
    for (let i = 0; i < 400_000; i++) parts.push(have);
    const { text } = await post(Buffer.concat([...parts, FLUSH_PACKET]));
    expect(text).toContain('ERR too many have lines');
  });

  test('a request that inflates without end', async () => {
    const line = packetLine(`ref-prefix ${'x'.repeat(60_000)}`);
    const start = [packetLine('command=ls-refs'), Buffer.from('0001')];
    const bomb = gzipSync(Buffer.concat([...start, ...Array.from({ length: 700 }, () => line)]));
    expect(bomb.length).toBeLessThan(1 << 20);
    const { status } = await post(bomb, 2, { 'Content-Encoding': 'gzip' });
    expect(status).toBe(400);
  });

  test('the same haves again and again are answered once in version 2', async () => {
    const haves = Array.from({ length: 1000 }, () => `have ${main}`);
    const { text } = await post(fetchOf(`want ${main}`, ...haves));
    expect(text.match(/ACK /g)).toHaveLength(1);
    expect(text).toContain('ready');
  });

  test('answers of versions 0: one, several and detailed acknowledgments', async () => {
    const old = git(store, 'rev-parse', 'main~5');
    const ask = async (capabilities: string, ...more: string[]) =>
      (await post(lines(`want ${main} ${capabilities}`, '', ...more), 0)).text;
    expect(await ask('', `have ${old}`, '')).toBe(lines(`ACK ${old}`).toString());
    expect(await ask('', `have ${someId(3)}`, '')).toBe(lines('NAK').toString());
    expect(await ask('multi_ack', `have ${old}`, '')).toBe(
      lines(`ACK ${old} continue`, `ACK ${old} continue`, 'NAK').toString(),
    );
    expect(await ask('multi_ack_detailed', `have ${old}`, '')).toBe(
      lines(`ACK ${old} common`, `ACK ${old} ready`, 'NAK').toString(),
    );
    const end = await ask('multi_ack_detailed no-done', `have ${old}`, '');
    expect(end).toContain(`${lines(`ACK ${old} ready`, 'NAK', `ACK ${old}`)}PACK`);
    // Without a side band the pack follows as it is.
    expect(await ask('', 'done')).toMatch(/^0008NAK\nPACK/);
    expect(await ask('side-band', 'done')).toContain('\x02Enumerating objects');
    expect(await ask('side-band-64k no-progress', 'done')).not.toContain('Enumerating');
  });
});

test('more ends of a shallow history than any client has', async () => {
  const ends = (count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) => packetLine(`shallow ${someId(1000 + i)}`)),
    );
  const command = Buffer.concat([packetLine('command=fetch'), Buffer.from('0001')]);
  const want = packetLine(`want ${main}`);
  const few = await post(Buffer.concat([command, want, ends(2000), lines('done', '')]));
  expect(few.text).toContain('PACK');
  // So long a request is refused before it is read, and answered when the client has said all.
  const many = ends(300_000);
  const v2 = await post(Buffer.concat([command, want, many, lines('done', '')]));
  expect(v2.text).toContain('ERR too many shallow lines');
  const v0 = await post(Buffer.concat([want, many, lines('', 'done')]), 0);
  expect(v0.text).toContain('ERR too many shallow lines');
});

describe('clients that leave', () => {
  test('in the middle of a request, and in the middle of the answer', async () => {
    const { port } = new URL(server.url);
    const body = fetchOf(`want ${main}`, 'done');
    const head = `POST /git-upload-pack HTTP/1.1\r\nHost: localhost\r\nGit-Protocol: version=2\r\nContent-Type: ${TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (let cut = 0; cut < body.length; cut += 7) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(head);
      socket.write(body.subarray(0, cut));
      socket.destroy();
    }
    for (let i = 0; i < 20; i++) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(Buffer.concat([Buffer.from(head), body]));
      await once(socket, 'data');
      socket.destroy();
    }
  });

  test('many at once, some of which do not read', async () => {
    const { port } = new URL(server.url);
    const body = fetchOf(`want ${main}`, 'done');
    const head = `POST /git-upload-pack HTTP/1.1\r\nHost: localhost\r\nGit-Protocol: version=2\r\nContent-Type: ${TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const lazy = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = connect(Number(port), '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        socket.write(Buffer.concat([Buffer.from(head), body]));
        socket.pause();
        return socket;
      }),
    );
    const folders = await Promise.all(Array.from({ length: 4 }, () => clone(server.url)));
    for (const folder of folders) await expectSound(folder);
    for (const socket of lazy) socket.destroy();
  });
});

test('the ends of a shallow history come without line feeds, as Git writes them', async () => {
  const v2 = await post(fetchOf(`want ${main}`, 'deepen 1', 'done'));
  expect(v2.text).toContain(`0034shallow ${main}0001`);
  const v0 = await post(lines(`want ${main}`, 'deepen 1', '', 'done'), 0);
  expect(v0.text).toContain(`0034shallow ${main}0000`);
  const parent = git(store, 'rev-parse', 'main~1');
  const deeper = fetchOf(`want ${main}`, `shallow ${main}`, `have ${main}`, 'deepen 2', 'done');
  expect((await post(deeper)).text).toContain(`0036unshallow ${main}`);
  expect((await post(deeper)).text).toContain(`0034shallow ${parent}`);
});

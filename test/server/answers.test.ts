/** What programs get from a file handler: bytes, types, JSON, conditions, ranges, limits. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FS, GitStore } from '../../src/index.ts';
import { parseRange } from '../../src/server/files/conditions.ts';
import { currentOf, memoryStore } from '../store/stores.ts';
import { Client } from './client.ts';

const TEXT = 'The quick brown fox jumps over the lazy dog.\n'.repeat(200);
const BIG = Buffer.alloc(3 << 20, 'big text\n');

let store: GitStore;
let fs: FS;
let client: Client;
let all: Client;

beforeAll(async () => {
  store = await memoryStore();
  fs = await (await currentOf(store)).apply({
    writes: {
      'a.txt': 'alpha\n',
      'long.txt': TEXT,
      'big.log': BIG,
      'noise.png': Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 7919) >> 3)),
      'empty.txt': '',
      'later.txt': Buffer.from(`${'a'.repeat(20_000)}\xe9`, 'latin1'),
      'whole.txt': `${'a'.repeat(20_000)}\xe9`,
      'data.json': '{"a":1}',
      'c.yaml': 'a: 1\n',
      'main.ts': 'export {};\n',
      Makefile: 'all:\n\ttrue\n',
      'blob.ts': Buffer.from([0x47, 0x40, 0x00, 0xff]),
      'page.html': '<script>1</script>',
      'pic.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
      'x.css': 'a{}',
      'x.js': '1',
      unknown: Buffer.from([0, 1, 2]),
      'dir/sub/x.md': '# x\n',
      'odd/<b>&"\'.txt': 'odd',
      'odd/100%.txt': 'percent',
      'odd/a?b#c.txt': 'mark',
      'odd/caf\udce9.txt': 'bytes',
      'odd/日本.txt': 'utf',
      link: { target: 'a.txt' },
    },
  });
  await store.tags.set('v1', fs);
  await store.branches.set('feature/x', fs);
  fs = await fs.writeText('a.txt', 'alpha two\n');
  await store.tags.set('feature', fs);
  client = await Client.of(store);
  all = await Client.of(store, { all: true, basePath: '/data/' });
});

describe('files', () => {
  it.each([
    ['a.txt', 'text/plain; charset=utf-8'],
    // Not UTF-8 behind its beginning.
    ['later.txt', 'text/plain'],
    ['whole.txt', 'text/plain; charset=utf-8'],
    ['data.json', 'text/plain; charset=utf-8'],
    ['c.yaml', 'text/plain; charset=utf-8'],
    ['main.ts', 'text/plain; charset=utf-8'],
    ['Makefile', 'text/plain; charset=utf-8'],
    ['dir/sub/x.md', 'text/plain; charset=utf-8'],
    ['blob.ts', 'video/mp2t'],
    ['noise.png', 'image/png'],
    ['page.html', 'text/html; charset=utf-8'],
    ['pic.svg', 'image/svg+xml'],
    ['x.css', 'text/css; charset=utf-8'],
    ['x.js', 'text/javascript; charset=utf-8'],
    ['unknown', 'application/octet-stream'],
    ['empty.txt', 'text/plain; charset=utf-8'],
  ])('%s is %s, its bytes as they are', async (path, type) => {
    const answer = await client.ask(`/${path}`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(type);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.headers['accept-ranges']).toBe('bytes');
    expect(answer.headers['cache-control']).toBe('no-cache');
    expect(answer.headers['last-modified']).toBeUndefined();
    expect(answer.headers.etag).toBe(`"${await fs.objectHash(path)}"`);
    expect(answer.body.equals(await fs.read(path))).toBe(true);
    // A browser gets the same: a file is a file.
    expect((await client.page(`/${path}`)).body.equals(answer.body)).toBe(true);
  });

  it('are the same the second time, when they come from memory', async () => {
    for (let i = 0; i < 3; i++) {
      const answer = await client.ask('/long.txt');
      expect(answer.text).toBe(TEXT);
      expect(answer.headers.etag).toBe(`"${await fs.objectHash('long.txt')}"`);
    }
  });

  it('large ones are streamed', async () => {
    const answer = await client.ask('/big.log');
    expect(answer.headers['content-length']).toBe(String(BIG.length));
    expect(answer.body.equals(BIG)).toBe(true);
  });

  it('a link is the text that it holds', async () => {
    const answer = await client.ask('/link');
    expect([answer.text, answer.headers['content-type']]).toEqual([
      'a.txt',
      'text/plain; charset=utf-8',
    ]);
  });

  it.each([
    ['/odd/%3Cb%3E%26%22%27.txt', 'odd'],
    ['/odd/100%25.txt', 'percent'],
    ['/odd/a%3Fb%23c.txt', 'mark'],
    ['/odd/caf%E9.txt', 'bytes'],
    ['/odd/caf%e9.txt', 'bytes'],
    ['/odd/%E6%97%A5%E6%9C%AC.txt', 'utf'],
    ['/odd%2F100%25.txt', 'percent'],
    ['//odd/.//100%25.txt', 'percent'],
  ])('%s is found', async (path, text) => {
    expect((await client.ask(path)).text).toBe(text);
  });

  it('a URL in absolute form is understood', async () => {
    expect((await client.ask('http://example.org/a.txt')).text).toBe('alpha two\n');
  });

  it.each([
    ['/nothing', 404],
    ['/a.txt/', 404],
    ['/a.txt/x', 404],
    ['/dir/sub/none', 404],
    ['/%2e%2e/a.txt', 400],
    ['/..', 400],
    ['/dir/../a.txt', 400],
    ['/%00', 400],
    ['/a.txt%00', 400],
    ['/%', 400],
    ['/%4', 400],
    ['/%zz', 400],
    ['/%c0%ae%c0%ae/a.txt', 404],
    ['/%ff%fe', 404],
    ['/..%5ca.txt', 404],
    ['/.git/config', 404],
    ['/refs/heads/main', 404],
  ])('%s is %i', async (path, status) => {
    const answer = await client.ask(path);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-cache');
  });

  it('code from the store is put into a sandbox', async () => {
    for (const path of ['/page.html', '/pic.svg']) {
      const policy = (await client.ask(path)).headers['content-security-policy'];
      expect(policy).toMatch(/^sandbox;/);
      expect(policy).not.toContain('allow-');
    }
    expect((await client.ask('/a.txt')).headers['content-security-policy']).toBeUndefined();
  });

  it('?download names the file', async () => {
    const field = async (path: string) =>
      (await client.ask(`${path}?download`)).headers['content-disposition'];
    expect(await field('/a.txt')).toBe('attachment; filename="a.txt"');
    expect(await field('/odd/%E6%97%A5%E6%9C%AC.txt')).toBe(
      `attachment; filename="__.txt"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt`,
    );
    expect(await field('/odd/%3Cb%3E%26%22%27.txt')).toBe(
      `attachment; filename="<b>&_'.txt"; filename*=UTF-8''%3Cb%3E%26%22%27.txt`,
    );
    expect(await field('/odd/caf%E9.txt')).toContain('filename="caf_.txt"');
  });
});

describe('facts in JSON', () => {
  it('of files, directories and blobs', async () => {
    const hash = await fs.objectHash('a.txt');
    expect(await client.json('/a.txt')).toEqual({
      path: 'a.txt',
      ref: 'main',
      size: 10,
      hash,
      type: 'file',
    });
    expect(await client.json('/dir/')).toEqual({
      path: 'dir',
      ref: 'main',
      entries: ['sub/'],
      type: 'directory',
    });
    expect(await client.json('/')).toMatchObject({ path: '', type: 'directory' });
    expect(await client.json(`/_/blobs/${hash}`)).toEqual({ hash, size: 10, type: 'blob' });
  });

  it('have a tag of their own', async () => {
    const file = await client.ask('/a.txt', { accept: 'application/json' });
    const plain = await client.ask('/a.txt');
    expect(file.headers.etag).not.toBe(plain.headers.etag);
    expect(file.headers.etag).toContain(await fs.objectHash('a.txt'));
    expect(file.headers.vary).toContain('Accept');
    expect(plain.headers.vary).toContain('Accept');
    const headers = { accept: 'application/json', 'if-none-match': String(plain.headers.etag) };
    expect((await client.ask('/a.txt', headers)).status).toBe(200);
  });

  it.each([
    ['application/json', true],
    ['application/json;q=0.9, text/html', false],
    ['text/html;q=0.5, application/json', true],
    ['text/html,application/xhtml+xml,*/*;q=0.8', false],
    ['application/json;q=0', false],
    ['*/*', false],
    ['APPLICATION/JSON', true],
    ['application/jsonp', false],
  ])('Accept: %s', async (accept, json) => {
    const { headers } = await client.ask('/', { accept });
    expect(headers['content-type']?.startsWith('application/json')).toBe(json);
  });
});

describe('directories', () => {
  it('have the tag of the commit, which another commit changes at once', async () => {
    const own = await memoryStore();
    const { ask } = await Client.of(own).then((it) => ({ ask: it.ask.bind(it) }));
    for (let i = 0; i < 5; i++) {
      const next = await (await currentOf(own)).writeText('n.txt', String(i));
      expect((await ask('/')).headers.etag).toBe(`"${next.commitHash}"`);
      expect((await ask('/n.txt')).text).toBe(String(i));
    }
  });

  it('HTML for whoever does not ask for JSON', async () => {
    const { headers, text } = await client.ask('/dir', { accept: '*/*' });
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(text).toContain('href="/dir/sub/"');
  });
});

describe('blobs by hash', () => {
  it('come as bytes', async () => {
    const hash = await fs.objectHash('a.txt');
    for (const name of [hash, hash.toUpperCase()]) {
      const answer = await client.ask(`/_/blobs/${name}`);
      expect([answer.text, answer.headers['content-type']]).toEqual([
        'alpha two\n',
        'application/octet-stream',
      ]);
      expect(answer.headers.etag).toBe(`"${hash}"`);
    }
  });

  it('are not there, or elsewhere', async () => {
    const none = '0'.repeat(40);
    expect((await client.ask(`/_/blobs/${none}`)).status).toBe(404);
    // Only blobs count.
    expect((await client.ask(`/_/blobs/${fs.commitHash}`)).status).toBe(404);
    expect((await client.ask(`/_/blobs/${fs.treeHash}`)).status).toBe(404);
    expect((await client.ask('/_/blobs/xyz')).status).toBe(404);
    const upstream = await Client.of(store, { upstream: 'https://example.org/up/' });
    const { status, headers } = await upstream.ask(`/_/blobs/${none}`);
    expect([status, headers.location]).toEqual([302, `https://example.org/up/_/blobs/${none}`]);
  });
});

describe('methods', () => {
  it.each(['/a.txt', '/big.log', '/dir/', '/nothing', '/long.txt?view', '/_/blobs/x'])(
    'HEAD %s has the fields of GET and no body',
    async (path) => {
      const get = await client.ask(path);
      const head = await client.ask(path, {}, 'HEAD');
      const { date: _, ...expected } = get.headers;
      expect(head.status).toBe(get.status);
      expect(head.headers).toMatchObject(expected);
      expect(head.body.length).toBe(0);
    },
  );

  it('OPTIONS, and what is not allowed', async () => {
    const options = await client.ask('/a.txt', {}, 'OPTIONS');
    expect([options.status, options.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
    expect(options.headers['access-control-allow-origin']).toBeUndefined();
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const { status, headers } = await client.ask('/a.txt', {}, method);
      expect([status, headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
    }
  });

  it('CORS, with a preflight', async () => {
    const cors = await Client.of(store, { cors: true });
    for (const path of ['/a.txt', '/', '/nothing']) {
      const { headers } = await cors.ask(path, { origin: 'https://example.org' });
      expect(headers['access-control-allow-origin']).toBe('*');
    }
    const preflight = await cors.ask(
      '/a.txt',
      {
        origin: 'https://example.org',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'x-own, range',
      },
      'OPTIONS',
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': 'x-own, range',
    });
  });
});

it('pages of other sites run no file as a script, unless CORS lets them', async () => {
  const cors = await Client.of(store, { cors: true });
  const foreign = { 'sec-fetch-dest': 'script', 'sec-fetch-site': 'cross-site' };
  expect((await client.ask('/a.txt')).status).toBe(200);
  expect((await client.ask('/a.txt', foreign)).status).toBe(403);
  expect((await client.ask('/a.txt', foreign, 'HEAD')).status).toBe(403);
  expect((await cors.ask('/a.txt', foreign)).status).toBe(200);
  for (const headers of [
    { ...foreign, 'sec-fetch-site': 'same-site' },
    { ...foreign, 'sec-fetch-dest': 'image' },
    { ...foreign, 'sec-fetch-dest': 'document' },
  ]) {
    expect((await client.ask('/a.txt', headers)).status).toBe(200);
  }
});

describe('conditions', () => {
  it.each([
    ['"TAG"', 304],
    ['W/"TAG"', 304],
    ['*', 304],
    ['"x", "TAG"', 304],
    ['"x",W/"TAG" , "y"', 304],
    ['"x"', 200],
    ['TAG', 200],
    ['"TAG-json"', 200],
    ['', 200],
    ['"a,b", "TAG"', 304],
    [', ,"x",, "TAG",', 304],
    [' , ', 200],
    ['garbage "TAG"', 200],
  ])('If-None-Match: %s', async (field, status) => {
    for (const [path, hash] of [
      ['/a.txt', await fs.objectHash('a.txt')],
      ['/', fs.commitHash],
      ['/long.txt', await fs.objectHash('long.txt')],
    ] as const) {
      const headers = { 'if-none-match': field.replace('TAG', hash) };
      const answer = await client.ask(path, headers);
      expect({ path, status: answer.status }).toEqual({ path, status });
      if (status === 304) {
        expect(answer.headers.etag).toBe(`"${hash}"`);
        expect(answer.headers['cache-control']).toBe('no-cache');
        expect(answer.body.length).toBe(0);
      }
    }
  });

  it('a 304 reads no blob', async () => {
    const own = await memoryStore();
    const snapshot = await (await currentOf(own)).writeText('a', 'text');
    const { objects } = own.context;
    const reads: string[] = [];
    const { read, readStream } = objects;
    objects.read = (id) => {
      reads.push(id);
      return read.call(objects, id);
    };
    objects.readStream = (id, range) => {
      reads.push(id);
      return readStream.call(objects, id, range);
    };
    const tag = `"${await snapshot.objectHash('a')}"`;
    const asked = await Client.of(own);
    expect((await asked.ask('/a', { 'if-none-match': tag })).status).toBe(304);
    expect(reads).not.toContain(await snapshot.objectHash('a'));
    expect((await asked.ask('/a')).status).toBe(200);
    expect(reads).toContain(await snapshot.objectHash('a'));
  });

  it('If-Match', async () => {
    const tag = `"${await fs.objectHash('a.txt')}"`;
    expect((await client.ask('/a.txt', { 'if-match': tag })).status).toBe(200);
    expect((await client.ask('/a.txt', { 'if-match': '*' })).status).toBe(200);
    expect((await client.ask('/a.txt', { 'if-match': `W/${tag}` })).status).toBe(412);
    expect((await client.ask('/a.txt', { 'if-match': '"x"' })).status).toBe(412);
  });
});

describe('ranges', () => {
  it.each([
    ['bytes=0-3', 206, 'bytes 0-3/10', 'alph'],
    ['bytes=6-', 206, 'bytes 6-9/10', 'two\n'],
    ['bytes=-4', 206, 'bytes 6-9/10', 'two\n'],
    ['bytes=-400', 206, 'bytes 0-9/10', 'alpha two\n'],
    ['bytes=2-99999999999999999999', 206, 'bytes 2-9/10', 'pha two\n'],
    ['BYTES = 0-0', 206, 'bytes 0-0/10', 'a'],
    ['bytes=10-', 416, 'bytes */10', undefined],
    ['bytes=99-100', 416, 'bytes */10', undefined],
    ['bytes=-0', 416, 'bytes */10', undefined],
    ['bytes=0-1,3-4', 200, undefined, 'alpha two\n'],
    ['bytes=3-1', 200, undefined, 'alpha two\n'],
    ['bytes=a-b', 200, undefined, 'alpha two\n'],
    ['bytes=-', 200, undefined, 'alpha two\n'],
    ['bytes=', 200, undefined, 'alpha two\n'],
    ['lines=0-1', 200, undefined, 'alpha two\n'],
    ['bytes=0-3;', 200, undefined, 'alpha two\n'],
    ['bytes=--1', 200, undefined, 'alpha two\n'],
  ])('%s', async (range, status, contentRange, text) => {
    const answer = await client.ask('/a.txt', { range });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-range']).toBe(contentRange);
    if (text !== undefined) expect(answer.text).toBe(text);
  });

  it('of a large file', async () => {
    const answer = await client.ask('/big.log', { range: 'bytes=2000000-2000099' });
    expect([answer.status, answer.headers['content-length']]).toEqual([206, '100']);
    expect(answer.body.equals(BIG.subarray(2000000, 2000100))).toBe(true);
  });

  it('of an empty file is all of it', async () => {
    const answer = await client.ask('/empty.txt', { range: 'bytes=0-' });
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
  });

  it('If-Range', async () => {
    const tag = `"${await fs.objectHash('a.txt')}"`;
    const status = async (field: string) =>
      (await client.ask('/a.txt', { range: 'bytes=0-1', 'if-range': field })).status;
    expect(await status(tag)).toBe(206);
    expect(await status(`W/${tag}`)).toBe(200);
    expect(await status('"x"')).toBe(200);
    expect(await status('Wed, 21 Oct 2099 07:28:00 GMT')).toBe(200);
  });

  it('are not for HEAD and JSON', async () => {
    expect((await client.ask('/a.txt', { range: 'bytes=0-1' }, 'HEAD')).status).toBe(200);
    const json = await client.ask('/a.txt', { range: 'bytes=0-1', accept: 'application/json' });
    expect(json.status).toBe(200);
  });

  it('are never more than the body has', () => {
    const number = fc.oneof(
      fc.constant(''),
      fc.nat(30).map(String),
      fc.bigInt({ min: 0n }).map(String),
    );
    fc.assert(
      fc.property(number, number, fc.nat(20), (first, last, size) => {
        const range = parseRange(`bytes=${first}-${last}`, size);
        if (range === undefined || range === 'unsatisfiable') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.start).toBeLessThan(range.end);
        expect(range.end).toBeLessThanOrEqual(size);
      }),
    );
  });
});

describe('compression', () => {
  it.each([
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1, br;q=0.5', 'gzip'],
    ['*', 'br'],
    ['gzip;q=0, *;q=0', undefined],
    ['identity', undefined],
    ['identity;q=1, gzip;q=0.5', undefined],
    ['deflate', undefined],
    ['gzip;q=nonsense', 'gzip'],
  ])('Accept-Encoding: %s', async (field, coding) => {
    for (const path of ['/long.txt', '/big.log', '/']) {
      const plain = await client.ask(path);
      const answer = await client.ask(path, { 'accept-encoding': field });
      // Pages and streams are compressed by whatever costs less.
      const some = coding === undefined ? undefined : expect.stringMatching(/^(?:gzip|br)$/);
      expect(answer.headers['content-encoding']).toEqual(path === '/long.txt' ? coding : some);
      expect(answer.headers.vary).toContain('Accept-Encoding');
      const body =
        answer.headers['content-encoding'] === 'br'
          ? brotliDecompressSync(answer.body)
          : answer.headers['content-encoding'] === 'gzip'
            ? gunzipSync(answer.body)
            : answer.body;
      expect(body.equals(plain.body)).toBe(true);
      const tag = coding === undefined ? plain.headers.etag : `W/${plain.headers.etag}`;
      expect(answer.headers.etag).toBe(tag);
    }
  });

  it('not of what is short, or compressed already', async () => {
    const headers = { 'accept-encoding': 'gzip, br' };
    for (const path of ['/a.txt', '/noise.png']) {
      expect((await client.ask(path, headers)).headers['content-encoding']).toBeUndefined();
    }
  });

  it('a range is one of the plain bytes', async () => {
    const headers = { 'accept-encoding': 'gzip', range: 'bytes=0-8' };
    const answer = await client.ask('/long.txt', headers);
    expect([answer.status, answer.text]).toEqual([206, 'The quick']);
    expect(answer.headers['content-encoding']).toBeUndefined();
  });

  it('its tag is as good as the plain one', async () => {
    const { headers } = await client.ask('/long.txt', { 'accept-encoding': 'gzip' });
    const again = { 'accept-encoding': 'gzip', 'if-none-match': String(headers.etag) };
    expect((await client.ask('/long.txt', again)).status).toBe(304);
  });
});

describe('options', () => {
  it.each([
    [{ cache: 'no-store' }, 'no-store'],
    [{ cache: 'immutable' }, 'public, immutable, max-age=31536000'],
    [{ cache: { maxAge: 60 } }, 'max-age=60'],
    [{}, 'no-cache'],
  ] as const)('%j', async (options, field) => {
    const { ask } = await Client.of(store, options).then((it) => ({ ask: it.ask.bind(it) }));
    for (const path of ['/a.txt', '/', '/a.txt?view']) {
      expect((await ask(path)).headers['cache-control']).toBe(field);
    }
    expect((await ask('/nothing')).headers['cache-control']).toBe('no-cache');
  });

  it('a limit for files', async () => {
    const limited = await Client.of(store, { maxFileSize: 9 });
    expect((await limited.ask('/a.txt')).status).toBe(413);
    expect((await limited.ask('/a.txt', { range: 'bytes=0-1' })).status).toBe(413);
    expect((await limited.ask(`/_/blobs/${await fs.objectHash('a.txt')}`)).status).toBe(413);
    expect((await limited.ask('/data.json')).status).toBe(200);
    expect(await limited.json('/a.txt')).toMatchObject({ size: 10 });
    const free = await Client.of(store, { maxFileSize: 0 });
    expect((await free.ask('/big.log')).body.length).toBe(BIG.length);
  });

  it('a base path of whole segments', async () => {
    const based = await Client.of(store, { basePath: '/da ta/x/' });
    expect((await based.ask('/da%20ta/x/a.txt')).text).toBe('alpha two\n');
    expect((await based.ask('/da%20ta/x')).status).toBe(200);
    expect((await based.ask('/da%20ta/x/')).text).toContain('href="/da%20ta/x/dir/"');
    for (const path of ['/', '/a.txt', '/da%20ta/xa.txt', '/da%20ta']) {
      expect((await based.ask(path)).status).toBe(404);
    }
  });

  it('a snapshot by name, by hash, or by a function', async () => {
    const { commitHash } = fs;
    const text = async (snapshot: string | (() => Promise<FS>)) =>
      (await (await Client.of(store, { snapshot })).ask('/a.txt')).text;
    expect(await text('v1')).toBe('alpha\n');
    expect(await text(commitHash.slice(0, 10))).toBe('alpha two\n');
    expect(await text(() => fs.back(1))).toBe('alpha\n');
    const gone = await Client.of(store, { snapshot: 'nope' });
    expect((await gone.ask('/a.txt')).status).toBe(404);
  });

  it('what makes no sense is refused', async () => {
    for (const options of [
      { maxFileSize: -1 },
      { maxFileSize: 1.5 },
      { cache: { maxAge: -1 } },
      { upstream: 'ftp://example.org' },
      { upstream: 'nonsense' },
      { basePath: '/../x' },
    ]) {
      await expect(Client.of(store, options)).rejects.toMatchObject({ code: 'EINVAL' });
    }
  });
});

describe('all branches and tags', () => {
  it('the root lists them', async () => {
    const expected = { branches: ['feature/x', 'main'], tags: ['feature', 'v1'] };
    expect(await all.json('/data/')).toEqual(expected);
    expect(await all.json('/data')).toEqual(expected);
    const { text } = await all.page('/data/');
    expect(text).toContain('href="/data/main/"');
    // The tag hides the branch, which has another way to it.
    expect(text).toContain('href="/data/feature/"');
    expect(text).toContain('href="/data/refs/heads/feature/x/"');
  });

  it.each([
    ['/data/main/a.txt', 'alpha two\n'],
    ['/data/v1/a.txt', 'alpha\n'],
    ['/data/refs/heads/feature/x/a.txt', 'alpha\n'],
    ['/data/refs/tags/feature/a.txt', 'alpha two\n'],
    ['/data/feature/a.txt', 'alpha two\n'],
  ])('%s', async (path, text) => {
    const answer = await all.ask(path);
    expect([answer.status, answer.text]).toEqual([200, text]);
  });

  it('a name with slashes', async () => {
    const own = await memoryStore();
    const tip = await (await currentOf(own)).writeText('f', 'deep');
    await own.branches.set('team/ann/new', tip);
    const asked = await Client.of(own, { all: true });
    expect((await asked.ask('/team/ann/new/f')).text).toBe('deep');
    expect(await asked.json('/team/ann/new/f')).toMatchObject({ ref: 'team/ann/new', path: 'f' });
    expect((await asked.page('/team/ann/new')).text).toContain('href="/team/ann/new/f?view"');
    expect((await asked.ask('/team/ann')).status).toBe(404);
  });

  it.each(['/data/none/a.txt', '/data/main/none', '/main/a.txt', `/data/${'a/'.repeat(3000)}`])(
    '%.40s is 404',
    async (path) => {
      expect((await all.ask(path)).status).toBe(404);
    },
  );
});

it('no fault was reported', () => {
  expect([...client.faults, ...all.faults]).toEqual([]);
});

/** Each answer of an engine, and what the client makes of it. */
import { describe, expect, it } from 'vitest';
import { cut, fault, ok, type Reply, reply, scripted, silent } from './s3Server.ts';

const SMALL = Buffer.from('head');

describe('a conditional PUT', () => {
  it.each<[string, Reply, object]>([
    ['200', ok(), { kind: 'ok', tag: 'new' }],
    ['412', fault(412, 'PreconditionFailed'), { kind: 'conflict' }],
    ['404: the key is gone', fault(404, 'NoSuchKey'), { kind: 'conflict' }],
    ['409', fault(409, 'ConditionalRequestConflict'), { kind: 'busy' }],
    ['429', fault(429, 'TooManyRequests'), { kind: 'busy' }],
    ['503 SlowDown', fault(503, 'SlowDown'), { kind: 'busy' }],
    ['503 of an engine that lacks nodes', fault(503, 'SlowDownWrite'), { kind: 'unknown' }],
    ['500 of a lost race', fault(500, 'InternalError'), { kind: 'unknown' }],
    ['502 of a proxy', reply(502, '<html>'), { kind: 'unknown' }],
    ['504', reply(504), { kind: 'unknown' }],
    ['400 RequestTimeout', fault(400, 'RequestTimeout'), { kind: 'unknown' }],
    ['a cut connection', cut, { kind: 'unknown' }],
  ])('%s', async (_, answer, expected) => {
    const { bucket, seen } = await scripted([answer, fault(404, 'NoSuchKey')]);
    expect(await bucket.put('head', SMALL, { ifMatch: 'old' })).toMatchObject(expected);
    // No repetition behind the caller's back; a conflict is looked at, for the form of the tag.
    expect(seen.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('without an answer is unknown', async () => {
    const { bucket } = await scripted([silent], { idleTimeout: 60 });
    expect(await bucket.put('head', SMALL, { ifMatch: 'old' })).toEqual({
      kind: 'unknown',
      reason: expect.stringContaining('no answer'),
    });
  });

  it('is unknown when the answer breaks off', async () => {
    const { bucket } = await scripted([
      (_, response) => {
        response.writeHead(200, { 'content-length': '10', etag: '"x"' }).write('abc');
        setTimeout(() => response.destroy(), 20);
      },
    ]);
    expect(await bucket.put('head', SMALL, { ifMatch: 'old' })).toMatchObject({ kind: 'unknown' });
  });

  it('that never got a connection is busy', async () => {
    const { bucket, endpoint } = await scripted([silent]);
    const { port } = new URL(endpoint);
    const away = await scripted([silent]);
    expect(port).not.toBe('');
    await away.bucket.close();
    const { openS3Bucket } = await import('../../src/storage/bucket/s3/s3Bucket.ts');
    const { parseS3Address } = await import('../../src/storage/bucket/s3/s3Address.ts');
    const closed = await openS3Bucket(parseS3Address('s3://data?endpoint=http://127.0.0.1:1'), {
      credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 'b' }),
    });
    expect(await closed.put('head', SMALL, { ifMatch: 'old' })).toEqual({
      kind: 'busy',
      reason: '127.0.0.1:1: the connection is refused',
    });
    await bucket.close();
  });

  it('sends its length and its hash, the tag in quotes', async () => {
    const { bucket, seen } = await scripted([ok()]);
    await bucket.put('head', SMALL, { ifMatch: 'old' });
    await bucket.put('store', SMALL, { ifAbsent: true });
    expect(seen[0]!.url).toBe('/data/pre/head');
    expect(seen[0]!.headers).toMatchObject({
      'content-length': '4',
      'if-match': '"old"',
      'x-amz-content-sha256': expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(seen[0]!.headers['transfer-encoding']).toBeUndefined();
    expect(seen[1]!.headers).toMatchObject({ 'if-none-match': '*' });
  });

  it('takes the quotes away for an engine that refuses them, and only looks once', async () => {
    // Ceph 16, but unknown as such.
    const ceph: Reply = (seen, response, request) => {
      if (seen.method === 'HEAD') ok('old')(seen, response, request);
      else if (seen.headers['if-match']?.startsWith('"')) {
        fault(412, 'PreconditionFailed')(seen, response, request);
      } else ok('new')(seen, response, request);
    };
    const { bucket, seen } = await scripted([ceph]);
    expect(await bucket.put('head', SMALL, { ifMatch: 'old' })).toMatchObject({ kind: 'ok' });
    expect(bucket.tagForm).toBe('bare');
    expect(seen).toHaveLength(3);
    expect(await bucket.put('head', SMALL, { ifMatch: 'old' })).toMatchObject({ kind: 'ok' });
    expect(seen).toHaveLength(4);
  });

  it('knows Ceph by the names of its requests', async () => {
    const { bucket, seen } = await scripted([
      fault(404, 'NoSuchKey', '', { 'x-amz-request-id': 'tx00000c7f-default' }),
      ok(),
    ]);
    await bucket.get('head');
    await bucket.put('head', SMALL, { ifMatch: 'old' });
    expect(seen[1]!.headers['if-match']).toBe('old');
    expect(seen).toHaveLength(2);
  });

  it('looks before it sends a large body', async () => {
    const large = Buffer.alloc(2 << 20);
    const { bucket, seen } = await scripted([ok('other')]);
    expect(await bucket.put('head', large, { ifMatch: 'old' })).toEqual({ kind: 'conflict' });
    expect(await bucket.put('head', large, { ifAbsent: true })).toEqual({ kind: 'conflict' });
    expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
  });

  it('stops with the reason of its signal', async () => {
    const { bucket } = await scripted([silent]);
    const stop = new AbortController();
    const put = bucket.put('head', SMALL, { ifMatch: 'old', signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 20);
    await expect(put).rejects.toThrow('enough');
    await expect(bucket.get('head', { signal: stop.signal })).rejects.toThrow('enough');
  });
});

describe('a GET', () => {
  it('gives bytes, tag and size', async () => {
    const { bucket, seen, told } = await scripted([
      reply(206, 'ell', { etag: '"t"', 'content-range': 'bytes 1-3/5' }),
      reply(304),
      fault(404, 'NoSuchKey'),
    ]);
    const got = await bucket.get('a', { range: { start: 1, end: 4 } });
    expect(got).toMatchObject({ kind: 'ok', tag: 't', size: 5, body: Buffer.from('ell') });
    expect(seen[0]!.headers.range).toBe('bytes=1-3');
    expect(await bucket.get('a', { ifNoneMatch: 't' })).toEqual({ kind: 'unchanged' });
    expect(seen[1]!.headers['if-none-match']).toBe('"t"');
    expect(await bucket.get('a')).toEqual({ kind: 'absent' });
    expect(told.map(({ verb, key, status, received }) => [verb, key, status, received])).toEqual([
      ['get', 'a', 206, 3],
      ['get', 'a', 304, 0],
      ['get', 'a', 404, expect.any(Number)],
    ]);
  });

  it.each<[string, Reply, string]>([
    ['200 for a range', reply(200, 'hello', { etag: '"t"' }), 'ok'],
    ['another range', reply(206, 'he', { etag: '"t"', 'content-range': 'bytes 0-1/5' }), 'unknown'],
    ['too little', reply(206, 'e', { etag: '"t"', 'content-range': 'bytes 1-1/5' }), 'unknown'],
    ['500', fault(500, 'InternalError'), 'unknown'],
    ['503', fault(503, 'ServiceUnavailable'), 'busy'],
    ['a cut connection', cut, 'unknown'],
  ])('of a range: %s', async (_, answer, kind) => {
    const { bucket } = await scripted([answer]);
    expect((await bucket.get('a', { range: { start: 1, end: 4 } })).kind).toBe(kind);
  });
});

describe('what no repetition mends', () => {
  const minutes = (n: number) => new Date(Date.now() + n * 60_000).toUTCString();
  it.each<[string, Reply, string]>([
    ['a bucket that is not there', fault(404, 'NoSuchBucket'), 'there is no bucket data;'],
    ['a key nobody knows', fault(403, 'InvalidAccessKeyId'), 'the access key is not known there'],
    ['a key nobody knows, as 404', fault(404, 'XAdminUserNotFound'), 'the access key is not known'],
    ['a wrong secret', fault(403, 'SignatureDoesNotMatch'), 'the secret key does not fit'],
    ['an expired token', fault(400, 'ExpiredToken'), 'the credentials have expired; get new ones'],
    ['a wrong token', fault(400, 'InvalidToken'), 'look at AWS_SESSION_TOKEN'],
    [
      'no permission',
      fault(403, 'AccessDenied'),
      'refused; the credentials need s3:GetObject and s3:ListBucket for data',
    ],
    [
      'a clock behind',
      fault(403, 'RequestTimeTooSkewed', '', { date: minutes(30) }),
      'the clock of this machine is 30 minutes behind that',
    ],
    [
      'a clock ahead',
      fault(403, 'RequestTimeTooSkewed', '', { date: minutes(-300) }),
      'the clock of this machine is 5 hours ahead of that',
    ],
    [
      'another region',
      fault(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'eu-1' }),
      'the bucket is in the region eu-1, not r1; set AWS_REGION=eu-1',
    ],
    [
      'another region for the signature',
      fault(400, 'AuthorizationHeaderMalformed', '<Region>eu-1</Region>'),
      'the bucket is in the region eu-1, not r1',
    ],
    [
      'another endpoint',
      fault(301, 'PermanentRedirect'),
      'has another endpoint; look at endpoint and region',
    ],
    ['no room', fault(507, 'XMinioStorageFull'), 'there is no room left'],
    [
      'an engine without conditions',
      fault(501, 'NotImplemented'),
      'does not know conditional writes',
    ],
    [
      'something that is no S3',
      reply(404, '<html>Not here</html>'),
      'answers with status 404; look at the endpoint',
    ],
    ['a page of somebody', reply(200, '<html>Hello</html>'), 'is no S3; look at the endpoint'],
    [
      'words that are no word',
      fault(400, 'a\u001b[31m b'),
      'answers with status 400; look at the endpoint',
    ],
  ])('%s', async (_, answer, message) => {
    const { bucket } = await scripted([answer]);
    const error = await bucket.get('a').catch((error) => error);
    expect(error).toMatchObject({ code: 'EREMOTE', message: expect.stringContaining(message) });
    expect(error.message).toMatch(/^s3:\/\/data\/pre\?endpoint=[^\n]+$/);
    expect(error.message).not.toMatch(/geheim|AKEY|not shown/);
    // An answer to HEAD has no words, and must not be taken for another.
    if (/expired|no S3|is no word/.test(message)) return;
    await expect(bucket.head('a')).rejects.toMatchObject({ code: 'EREMOTE' });
  });

  it('asks for new credentials once when they have expired', async () => {
    const asked: boolean[] = [];
    const { bucket, seen } = await scripted([fault(400, 'ExpiredToken'), ok()], {
      credentials: async (renew = false) => {
        asked.push(renew);
        return { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: renew ? 'new' : 'old' };
      },
    });
    expect(await bucket.put('head', SMALL, { ifMatch: 'old' })).toMatchObject({ kind: 'ok' });
    expect(asked).toEqual([false, true]);
    expect(seen[1]!.headers['x-amz-security-token']).toBe('new');
  });

  it('does not find a host that does not exist', async () => {
    const { bucket } = await scripted([silent]);
    await bucket.close();
    const { openS3Bucket } = await import('../../src/storage/bucket/s3/s3Bucket.ts');
    const { parseS3Address } = await import('../../src/storage/bucket/s3/s3Address.ts');
    const lost = await openS3Bucket(parseS3Address('s3://data?endpoint=http://nowhere.invalid'), {
      credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 'b' }),
    });
    const result = await lost.get('a').catch((error) => error);
    // A machine without a resolver cannot tell.
    if (result.kind === 'busy') expect(result.reason).toContain('cannot be looked up');
    else expect(result.message).toContain('there is no host of this name; look at the endpoint');
  });
});

describe('LIST and DELETE', () => {
  const page = (more: string) =>
    reply(200, `<?xml version="1.0"?><ListBucketResult xmlns="x">${more}</ListBucketResult>`);
  const entry = (key: string) =>
    `<Contents><Key>${key}</Key><Size>3</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>`;

  it('goes from page to page, and decodes only what is encoded', async () => {
    const { bucket, seen } = await scripted([
      page(
        `<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>n+/=</NextContinuationToken>${entry('pre/p/a%2Bb+c')}`,
      ),
      page(`<IsTruncated>false</IsTruncated>${entry('pre/p/a%2Bb')}${entry('pre/p/&amp;')}`),
      page(''),
    ]);
    const first = await bucket.list('p/');
    expect(first).toEqual({
      kind: 'ok',
      entries: [{ key: 'p/a+b c', size: 3, modified: Date.UTC(2026, 0, 2, 3, 4, 5) }],
      next: 'n+/=',
    });
    const second = await bucket.list('p/', 'n+/=');
    expect(seen[1]!.url).toContain('continuation-token=n%2B%2F%3D&');
    expect(second).toMatchObject({ entries: [{ key: 'p/a%2Bb' }, { key: 'p/&' }] });
    expect(second).not.toHaveProperty('next');
    expect(await bucket.list('q/')).toEqual({ kind: 'ok', entries: [] });
  });

  it('removes one, and many', async () => {
    const { bucket, seen } = await scripted([
      reply(204),
      reply(200, '<DeleteResult/>'),
      reply(200, '<DeleteResult/>'),
    ]);
    expect(await bucket.remove(['a'])).toEqual({ kind: 'ok' });
    const many = Array.from({ length: 1500 }, (_, i) => `k${i}`);
    expect(await bucket.remove(many)).toEqual({ kind: 'ok' });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE /data/pre/a',
      'POST /data/?delete=',
      'POST /data/?delete=',
    ]);
    expect(seen[1]!.body.toString()).toContain('<Object><Key>pre/k999</Key></Object></Delete>');
    expect(seen[1]!.headers['content-md5']).toBeDefined();
  });

  it('notices that some were not removed', async () => {
    const failed = (code: string) =>
      reply(
        200,
        `<DeleteResult><Error><Key>pre/a</Key><Code>${code}</Code></Error></DeleteResult>`,
      );
    const { bucket } = await scripted([
      failed('InternalError'),
      failed('NoSuchKey'),
      failed('AccessDenied'),
    ]);
    expect(await bucket.remove(['a', 'b'])).toMatchObject({ kind: 'unknown' });
    expect(await bucket.remove(['a', 'b'])).toMatchObject({ kind: 'ok' });
    await expect(bucket.remove(['a', 'b'])).rejects.toThrow(
      'need s3:PutObject and s3:DeleteObject',
    );
  });
});

describe('an upload in parts', () => {
  const partSize = 16 << 10;
  const body = Buffer.alloc((40 << 10) + 5, 'parts');

  /** An engine of three requests, with an answer of its own for some of them. */
  function engine(special: (what: string, times: number) => Reply | undefined) {
    const times = new Map<string, number>();
    const parts = new Map<string, Buffer>();
    const answer: Reply = (seen, response, request) => {
      const query = new URL(seen.url, 'http://x').searchParams;
      const what = query.has('uploads')
        ? 'begin'
        : query.has('partNumber')
          ? `part ${query.get('partNumber')}`
          : seen.method === 'DELETE'
            ? 'drop'
            : seen.method === 'POST'
              ? 'end'
              : seen.method;
      times.set(what, (times.get(what) ?? 0) + 1);
      const own = special(what, times.get(what)!);
      if (own !== undefined) own(seen, response, request);
      else if (what === 'begin') {
        reply(
          200,
          '<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>',
        )(seen, response, request);
      } else if (what.startsWith('part')) {
        parts.set(what, seen.body);
        ok(`tag-${what.slice(5)}`)(seen, response, request);
      } else if (what === 'end') {
        reply(
          200,
          '<CompleteMultipartUploadResult><ETag>&#34;all-3&#34;</ETag></CompleteMultipartUploadResult>',
        )(seen, response, request);
      } else if (what === 'drop') reply(204)(seen, response, request);
      else fault(404, 'NoSuchKey')(seen, response, request);
    };
    return { answer, times, parts };
  }

  it('sends parts, tells how far it is, and joins them', async () => {
    const { answer, parts } = engine(() => undefined);
    const { bucket, seen } = await scripted([answer], { partSize });
    const progress: number[] = [];
    const result = await bucket.put('p/1', body, { onProgress: (bytes) => progress.push(bytes) });
    expect(result).toEqual({ kind: 'ok', tag: 'all-3' });
    expect(Buffer.concat([1, 2, 3].map((i) => parts.get(`part ${i}`)!)).equals(body)).toBe(true);
    expect(progress).toHaveLength(3);
    expect(progress.at(-1)).toBe(body.length);
    expect(seen.at(-1)!.body.toString()).toContain(
      '<Part><PartNumber>3</PartNumber><ETag>"tag-3"</ETag></Part>',
    );
  });

  it('sends a lost part again, and finds that a lost end has come about', async () => {
    const { answer, times } = engine((what, n) => {
      if ((what === 'part 2' || what === 'end') && n === 1) return cut;
      if (what === 'HEAD')
        return reply(200, '', { etag: '"all-3"', 'content-length': String(body.length) });
      return undefined;
    });
    const { bucket } = await scripted([answer], { partSize });
    const pieces = { size: body.length, read: async (a: number, b: number) => body.subarray(a, b) };
    expect(await bucket.put('p/1', pieces)).toEqual({ kind: 'ok', tag: 'all-3' });
    expect(Object.fromEntries(times)).toMatchObject({ 'part 2': 2, end: 1, HEAD: 1 });
    expect(times.has('drop')).toBe(false);
  });

  it('takes an error under a good status for one', async () => {
    const { answer, times } = engine((what, n) =>
      what === 'end' && n === 1
        ? reply(200, '<Error><Code>InternalError</Code></Error>')
        : undefined,
    );
    const { bucket } = await scripted([answer], { partSize });
    expect(await bucket.put('p/1', body)).toEqual({ kind: 'ok', tag: 'all-3' });
    expect(times.get('end')).toBe(2);
  });

  it('leaves no parts where it fails', async () => {
    const { answer, times } = engine((what) =>
      what === 'part 2' ? fault(403, 'AccessDenied') : undefined,
    );
    const { bucket } = await scripted([answer], { partSize });
    await expect(bucket.put('p/1', body)).rejects.toMatchObject({ code: 'EREMOTE' });
    expect(times.get('drop')).toBe(1);
    expect(times.has('end')).toBe(false);
    const stop = new AbortController();
    const put = bucket.put('p/1', body, {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(put).rejects.toThrow();
    expect(times.get('drop')).toBe(2);
  });
});

it('sends so many requests at once, and no more', async () => {
  let open = 0;
  let most = 0;
  const { bucket } = await scripted(
    [
      (seen, response, request) => {
        most = Math.max(most, ++open);
        setTimeout(() => {
          open--;
          ok()(seen, response, request);
        }, 2);
      },
    ],
    { parallel: 5 },
  );
  await Promise.all(Array.from({ length: 40 }, (_, i) => bucket.put(`k${i}`, SMALL)));
  expect(most).toBe(5);
});

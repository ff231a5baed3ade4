/** `serve` as a process: where it listens, how it ends, what it logs. */
import { once } from 'node:events';
import { readFileSync, renameSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { type Finished, type Running, startNode } from '../helpers/run.ts';
import { Place, programPath } from './program.ts';

const place = new Place();
const running: Running[] = [];

beforeAll(async () => {
  const store = await GitStore.open(place.repo, {
    durability: 'fast',
    now: () => 1_700_000_000_000,
  });
  let main = await store.branches.get('main');
  main = await main.apply({
    writes: { 'a.txt': 'one', 'big.bin': Buffer.alloc(40 << 20) },
    message: 'First',
  });
  await store.tags.set('v1', main);
  await main.writeText('a.txt', 'two', { message: 'Second' });
  await store.branches.set('draft', main);
  await store.close();
});

afterEach(() => {
  for (const { process } of running) process.kill('SIGKILL');
  running.length = 0;
});

interface Serving {
  readonly url: string;
  readonly process: Running['process'];
  readonly finished: Promise<Finished>;
}

/** Starts `gitstore serve -p 0 ARGS…` and waits for the line that tells the URL. */
async function serve(...args: string[]): Promise<Serving> {
  const started = startNode([programPath(), 'serve', '-p', '0', ...args], {
    env: { GITSTORE_REPO: place.repo },
    cwd: place.folder,
  });
  running.push(started);
  const [line] = (await once(started.process.stderr!, 'data')) as [Buffer];
  const url = /^Serving .* at (http:\/\/\S+)\n$/.exec(line.toString())?.[1];
  expect(line.toString()).toMatch(/^Serving .* at http:\/\/127\.0\.0\.1:\d+\/\S*\n$/);
  return { url: url!, ...started };
}

async function get(url: string): Promise<string> {
  const response = await fetch(url);
  return `${response.status} ${await response.text()}`;
}

describe('which snapshot', () => {
  it.each([
    [[], '200 two'],
    [['-b', 'draft'], '200 one'],
    [['--ref', 'v1'], '200 one'],
    [['--back', '1'], '200 one'],
    [['--match', 'Fir*'], '200 one'],
    [['--path', 'a.txt'], '200 two'],
    [['--before', '2024-01-01', '--back', '1'], '200 one'],
  ])('%j', async (args, answer) => {
    const { url, process, finished } = await serve('-q', ...args);
    expect(await get(`${url}a.txt`)).toBe(answer);
    process.kill('SIGTERM');
    expect((await finished).code).toBe(0);
  });

  it('a new commit shows at once, also behind a filter', async () => {
    const repo = join(place.folder, 'own.git');
    const write = (text: string, message: string) =>
      place.runWith({ input: text }, '-r', repo, 'write', 'f', '-m', message);
    await write('1', 'keep 1');
    const plain = await serve('-r', repo);
    const kept = await serve('-r', repo, '--match', 'keep*');
    expect([await get(`${plain.url}f`), await get(`${kept.url}f`)]).toEqual(['200 1', '200 1']);
    await write('2', 'other');
    expect([await get(`${plain.url}f`), await get(`${kept.url}f`)]).toEqual(['200 2', '200 1']);
    await write('3', 'keep 3');
    expect([await get(`${plain.url}f`), await get(`${kept.url}f`)]).toEqual(['200 3', '200 3']);
  });

  it('of a repository without a commit: the first one shows', async () => {
    const repo = join(place.folder, 'empty.git');
    git(place.folder, 'init', '-q', '--bare', '-b', 'trunk', repo);
    const { url } = await serve('-r', repo, '-q');
    expect((await get(url)).trimEnd()).toBe(
      "404 Branch 'trunk' has no commit yet. The files appear here with the first one.",
    );
    const head = git(place.repo, 'rev-parse', 'main');
    git(repo, 'fetch', '-q', place.repo, `${head}:refs/heads/trunk`);
    expect(await get(`${url}a.txt`)).toBe('200 two');
    expect(await place.fails(1, '-r', repo, 'serve', '-b', 'none')).toMatch(/none/);
  });

  it('what could not be read is looked for again by the next request', async () => {
    const repo = join(place.folder, 'hidden.git');
    const write = (text: string, message: string) =>
      place.runWith({ input: text }, '-r', repo, 'write', 'f', '-m', message);
    await write('1', 'keep 1');
    const { url } = await serve('-r', repo, '-q', '--match', 'keep*');
    await write('2', 'two');
    await write('3', 'three');
    const two = git(repo, 'rev-parse', 'main~1');
    const file = join(repo, 'objects', two.slice(0, 2), two.slice(2));
    renameSync(file, `${file}.hidden`);
    expect(await get(`${url}f`)).toMatch(/^500 /);
    renameSync(`${file}.hidden`, file);
    expect(await get(`${url}f`)).toBe('200 1');
  });

  it('all of them, below a base path', async () => {
    const { url } = await serve('--all', '--base-path', '/data');
    expect(url).toMatch(/\/data\/$/);
    expect(await get(`${url}v1/a.txt`)).toBe('200 one');
    const response = await fetch(url, { headers: { accept: 'application/json' } });
    expect(await response.json()).toEqual({ branches: ['draft', 'main'], tags: ['v1'] });
  });
});

describe('the end', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s finishes what runs', async (signal) => {
    const { url, process, finished } = await serve('-q');
    const sent = request(`${url}big.bin`, { agent: false });
    sent.end();
    const [response] = await once(sent, 'response');
    process.kill(signal);
    let bytes = 0;
    for await (const chunk of response) bytes += chunk.length;
    expect(bytes).toBe(40 << 20);
    const { code, stderr, stdout } = await finished;
    expect({ code, stdout: String(stdout), stderr }).toEqual({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^Serving main at \S+\n$/),
    });
  });

  it('a second signal does not wait', async () => {
    const { url, process, finished } = await serve('-q');
    const sent = request(`${url}big.bin`, { agent: false });
    sent.on('error', () => {});
    sent.end();
    const [response] = await once(sent, 'response');
    response.on('error', () => {});
    // Nobody reads: the answer would never end.
    process.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.kill('SIGINT');
    expect((await finished).code).toBe(0);
  });
});

describe('logs', () => {
  it('a line for each request on stderr and in the file', async () => {
    const { url, process, finished } = await serve('--log-file', 'access.log');
    await get(`${url}a.txt`);
    await get(`${url}none`);
    process.kill('SIGINT');
    const { stderr } = await finished;
    const lines = stderr.split('\n').slice(1, -1);
    expect(lines).toEqual([
      expect.stringMatching(/^127\.0\.0\.1 - - \[.*\] "GET \/a\.txt HTTP\/1\.1" 200 3$/),
      expect.stringMatching(/^127\.0\.0\.1 - - \[.*\] "GET \/none HTTP\/1\.1" 404 16$/),
    ]);
    expect(readFileSync(join(place.folder, 'access.log'), 'utf8')).toBe(`${lines.join('\n')}\n`);
  });

  it('-q leaves only the file', async () => {
    const { url, process, finished } = await serve('-q', '--log-file', 'quiet.log');
    await get(`${url}a.txt`);
    process.kill('SIGINT');
    expect((await finished).stderr.split('\n').length).toBe(2);
    expect(readFileSync(join(place.folder, 'quiet.log'), 'utf8')).toContain('"GET /a.txt');
  });
});

describe('options', () => {
  it.each([
    [['--no-cache', '--immutable', '--max-age', '5'], 'no-store'],
    [['--immutable', '--max-age', '5'], 'public, immutable, max-age=31536000'],
    [['--max-age', '5'], 'max-age=5'],
  ])('%j', async (args, field) => {
    const { url } = await serve('-q', ...args);
    expect((await fetch(`${url}a.txt`)).headers.get('cache-control')).toBe(field);
  });

  it('a size limit, CORS, another host', async () => {
    const { url } = await serve('-q', '--max-file-size', '30', '--cors', '--host', '127.0.0.1');
    const response = await fetch(`${url}big.bin`);
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      413,
      '*',
    ]);
    expect(await get(`${url}a.txt`)).toBe('200 two');
  });
});

describe('what cannot be', () => {
  it.each([
    [['--all', '-b', 'main'], 'Give either --all or --branch, not both'],
    [['--all', '--back', '1'], 'Give either --all or --back, not both'],
    [['-b', 'x', '--ref', 'y'], 'Give either -b x or --ref y, not both'],
    [['-p', '65536'], expect.stringContaining('whole number from 0 to 65535')],
    [['-p', 'x'], expect.stringContaining('whole number from 0 to 65535')],
    [['--max-age', '-1'], expect.stringContaining('whole number')],
    [['--max-file-size', 'big'], expect.stringContaining('number of 0 or more')],
    [['--base-path', '/../x'], expect.stringContaining("'..'")],
    [['--upstream', 'ftp://x'], 'Not an http or https URL: ftp://x'],
    [['extra'], expect.stringContaining('Too many arguments')],
  ])('%j is wrong usage', async (args, message) => {
    expect(await place.fails(2, 'serve', ...args)).toEqual(message);
  });

  it('a branch, a repository, a log file that is not there', async () => {
    expect(await place.fails(1, 'serve', '-b', 'nope')).toMatch(
      /^Branch 'nope' does not exist; branches: /,
    );
    expect(await place.fails(1, 'serve', '--match', 'nope')).toBe('No matching commits found');
    expect(await place.fails(1, '-r', 'none.git', 'serve')).toContain('none.git');
    expect(await place.fails(1, 'serve', '-p', '0', '--log-file', 'no/such/file')).toContain(
      'no/such/file',
    );
  });

  it('a port that is taken, a host that is none', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    expect(await place.fails(1, 'serve', '-p', String(port))).toContain(`port ${port} is in use`);
    other.close();
    expect(await place.fails(1, 'serve', '-p', '0', '--host', '203.0.113.1')).toContain(
      '203.0.113.1',
    );
  });
});

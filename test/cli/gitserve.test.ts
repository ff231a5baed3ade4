/** `gitserve` as a process: where it listens, whom it serves, how it ends. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { type Running, startNode } from '../helpers/run.ts';
import { clone, expectSound, tryGit } from '../server/gitServer.ts';
import { Place, programPath } from './program.ts';

const place = new Place();
const running: Running[] = [];

beforeAll(async () => {
  const store = await GitStore.open(place.repo, { durability: 'fast' });
  const main = await store.branches.get('main');
  await main.apply({ writes: { 'a.txt': 'one', 'big.bin': Buffer.alloc(3 << 20, 'x') } });
  await store.close();
});

afterEach(() => {
  for (const { process } of running) process.kill('SIGKILL');
  running.length = 0;
});

async function gitserve(...args: string[]): Promise<Running & { url: string }> {
  const started = startNode([programPath(), '-r', place.repo, 'gitserve', ...args]);
  running.push(started);
  const [line] = (await once(started.process.stderr!, 'data')) as [Buffer];
  const url = /^Serving Git clients at (http:\/\/127\.0\.0\.1:\d+\/)\n$/.exec(line.toString())?.[1];
  expect(line.toString()).toContain('Serving Git clients at');
  return { url: url!, ...started };
}

it('tells its URL, serves Git, and ends on a signal', async () => {
  const { url, process, finished } = await gitserve('-p', '0');
  const folder = await clone(url);
  expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('one');
  await expectSound(folder);
  process.kill('SIGTERM');
  const { code, stdout } = await finished;
  expect({ code, stdout: String(stdout) }).toEqual({ code: 0, stdout: '' });
});

it('a person who opens the URL is told what it is for', async () => {
  const { url } = await gitserve('-p', '0');
  const text = await (await fetch(url)).text();
  expect(text).toMatch(/^A Git repository: git clone http:\/\/127\.0\.0\.1:\d+\/ \S+\n$/);
});

it('the port is taken', async () => {
  const { url } = await gitserve('-p', '0');
  const { port } = new URL(url);
  const second = startNode([programPath(), '-r', place.repo, 'gitserve', '-p', port]);
  const { code, stderr } = await second.finished;
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `Error: Cannot listen on 127.0.0.1:${port}: port ${port} is in use; -p 0 takes a free one\n`,
  });
  expect((await tryGit(['ls-remote', url])).code).toBe(0);
});

it('a store that is not there', async () => {
  const started = startNode([programPath(), '-r', join(place.folder, 'none.git'), 'gitserve']);
  const { code, stderr } = await started.finished;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Error: .*\n$/);
});

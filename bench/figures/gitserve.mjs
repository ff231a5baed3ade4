/**
 * `git clone --bare` of a deep history, as a process of its own, from a `gitserve` that has just been
 * started, so that it remembers nothing. The rival: the same clone from `git http-backend`, which is
 * run by a small web server. Both over HTTP on this machine; the client's work, the larger part, is in
 * both. Then: how long a server needs that is asked for nothing new, which is two requests.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { children, cli } from '../lib/build.mjs';
import { deepHistory } from '../lib/history.mjs';
import { assertEqual, median, output, pair, timeGit, withScratch } from '../lib/measure.mjs';
import { startServer } from '../lib/server.mjs';
import { limitRow, ratioRow } from '../lib/table.mjs';

export const order = 30;
export const name = 'gitserve';
export const title = 'gitserve: clone of a deep history / git http-backend; a fetch of nothing new';

const FETCHES = 21;

export async function run({ runs = 3 }, emit) {
  const store = await deepHistory();
  const ours = () => startServer([cli, '-r', store, 'gitserve', '-p', '0'], 'stderr', /:(\d+)\/$/);
  const rival = () =>
    startServer([join(children, 'git-http-backend.mjs'), store], 'stdout', /^(\d+)$/);
  await withScratch(async (scratch) => {
    const copy = join(scratch, 'copy.git');
    const refs = output('git', ['--git-dir', store, 'for-each-ref']);
    const cloneFrom = async (start) => {
      const server = await start();
      try {
        rmSync(copy, { recursive: true, force: true });
        const ms = await timeGit(['clone', '-q', '--bare', server.url, copy]);
        assertEqual(output('git', ['--git-dir', copy, 'for-each-ref']), refs, 'refs of the clone');
        return ms;
      } finally {
        server.stop();
      }
    };
    const measured = await pair(
      runs,
      () => cloneFrom(ours),
      () => cloneFrom(rival),
    );
    const count = (repository) =>
      output('git', ['--git-dir', repository, 'rev-list', '--all', '--objects', '--count']).trim();
    assertEqual(count(copy), count(store), 'objects of the clone');
    emit(
      ratioRow(
        `git clone of ${count(store)} objects from gitserve`,
        measured,
        'ms',
        1.3,
        'rival: the same from git http-backend',
      ),
    );

    const server = await ours();
    try {
      const times = [];
      for (let i = 0; i < FETCHES; i++) times.push(await askForRefs(server.url));
      emit(
        limitRow(
          'fetch of nothing new, both requests',
          median(times),
          'ms',
          50,
          [`the first of ${FETCHES}: ${times[0].toFixed(1)} ms`].join(),
        ),
      );
      output('git', ['--git-dir', copy, 'fetch', '-q', server.url, 'main']);
    } finally {
      server.stop();
    }
  });
}

/** What `git fetch` asks when it finds nothing new. */
async function askForRefs(url) {
  const headers = { 'Git-Protocol': 'version=2' };
  const start = performance.now();
  const first = await fetch(`${url}info/refs?service=git-upload-pack`, { headers });
  const told = await first.text();
  if (!told.includes('version 2')) throw new Error(`Not version 2: ${told}`);
  const second = await fetch(`${url}git-upload-pack`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/x-git-upload-pack-request' },
    body: '0014command=ls-refs\n0016object-format=sha10001' + '0009peel\n000csymrefs\n0000',
  });
  const refs = await second.text();
  if (!refs.includes(' refs/heads/main')) throw new Error(`No refs: ${refs}`);
  return performance.now() - start;
}

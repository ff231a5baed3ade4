/**
 * `serve`, asked by wrk over keep-alive connections for one file, over and over. The rival is a bare
 * Node server: for small files it answers the same bytes from memory, for the big one it streams the
 * same file from the disk. Every answer of ours resolves the branch anew.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { children, cli } from '../lib/build.mjs';
import { bigFile } from '../lib/input.mjs';
import { output, pair, timeGitstore, withScratch } from '../lib/measure.mjs';
import { startServer } from '../lib/server.mjs';
import { ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 9;
export const name = 'serve';
export const title = 'serve: 1 KiB, 64 KiB and 1 GiB over HTTP / a bare Node server';

const SECONDS = 3;

export async function run({ runs = 5 }, emit) {
  if (spawnSync('wrk', ['--version']).error) {
    emit(skippedRow('serve', 'wrk is not installed'));
    return;
  }
  await withScratch(async (scratch) => {
    const store = join(scratch, 'store.git');
    const big = bigFile('random', 2 ** 30);
    const files = [1, 64].map((kib) => {
      const file = join(scratch, `${kib}.txt`);
      writeFileSync(file, `${kib}`.padEnd(kib * 1024, 'The quick brown fox.\n'));
      return { file, kib };
    });
    await timeGitstore(['-r', store, 'cp', ...files.map(({ file }) => file), big, ':']);
    const serve = [cli, '-r', store, 'serve', '-q', '-p', '0', '--max-file-size', '0'];
    const ours = await startServer(serve, 'stderr', /:(\d+)\/$/);
    try {
      for (const { file, kib } of files) {
        await side('memory', file, async (rival) => {
          const measured = await pair(
            runs,
            () => 1e6 / wrk(ours.url + basename(file), 32).requests,
            () => 1e6 / wrk(rival.url, 32).requests,
          );
          const work = `serve ${kib} KiB, time for each answer`;
          emit(ratioRow(work, measured, 'µs', 1.67, 'rival: Node, the same bytes from memory'));
        });
      }
      await side('stream', big, async (rival) => {
        const measured = await pair(
          runs,
          () => (1e3 * 2 ** 30) / wrk(ours.url + basename(big), 1).bytes,
          () => (1e3 * 2 ** 30) / wrk(rival.url, 1).bytes,
        );
        const work = 'serve 1 GiB, time for all of it';
        emit(ratioRow(work, measured, 'ms', 1.25, 'rival: Node, streamed from the disk'));
      });
    } finally {
      ours.stop();
    }
  });

  async function side(how, file, measure) {
    const rival = await startServer(
      [join(children, 'http-rival.mjs'), how, file],
      'stdout',
      /^(\d+)$/,
    );
    try {
      await measure(rival);
    } finally {
      rival.stop();
    }
  }
}

/** Requests and bytes a second. */
function wrk(url, connections) {
  const args = ['-t1', `-c${connections}`, `-d${SECONDS}s`, '--timeout', '30s', url];
  const report = output('wrk', args);
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(`wrk ${url}:\n${report}`);
  const [, requests] = /^Requests\/sec:\s+([\d.]+)$/m.exec(report);
  const [, amount, unit] = /^Transfer\/sec:\s+([\d.]+)([KMG]?)B$/m.exec(report);
  const bytes = Number(amount) * { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit];
  return { requests: Number(requests), bytes };
}

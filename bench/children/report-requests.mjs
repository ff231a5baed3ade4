/**
 * Loaded before a program with --import: writes the requests that it has sent to an object storage, and its
 * CPU time in ms, as JSON to BENCH_REQUESTS when it exits.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';

const requests = [];
subscribe('gitstore:request', ({ verb, key, sent, received, status }) => {
  requests.push({ verb, key, sent, received, status });
});

process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  const report = { requests, cpu: (user + system) / 1000 };
  writeFileSync(process.env.BENCH_REQUESTS, JSON.stringify(report));
});

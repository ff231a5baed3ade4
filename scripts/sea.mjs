/**
 * sea.mjs FILE: makes the command line one executable file for the system at hand, which needs no Node and
 * no other file. It holds the Node that scripts/runtimes.mjs gets for `node26`; only Node 25.5 and newer
 * make such files by themselves.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleExecutable } from './bundle.mjs';
import { commandOf } from './runtimes.mjs';

const file = resolve(process.argv[2]);
const work = mkdtempSync(join(tmpdir(), 'gitstore-sea-'));
const mark = await bundleExecutable(work);
const folder = readdirSync(work).find((name) => name.startsWith('cli-'));
writeFileSync(join(work, 'mark'), '');
const parts = readdirSync(join(work, folder)).map((name) => [name, join(work, folder, name)]);
const config = {
  main: join(work, 'cli.cjs'),
  mainFormat: 'commonjs',
  output: file,
  disableExperimentalSEAWarning: true,
  execArgvExtension: 'none',
  assets: { ...Object.fromEntries(parts), [mark]: join(work, 'mark') },
};
writeFileSync(join(work, 'sea.json'), JSON.stringify(config));
const [node] = commandOf('node26');
execFileSync(node, ['--build-sea', join(work, 'sea.json')], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
chmodSync(file, 0o755);
// macOS runs nothing that is not signed.
if (process.platform === 'darwin') execFileSync('codesign', ['--sign', '-', '--force', file]);
rmSync(work, { recursive: true, force: true });

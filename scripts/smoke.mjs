/**
 * smoke.mjs TARBALL: installs the packed package into an empty folder, as a user does, and does the
 * main job with both programs and with the library. Prints `N passed, N failed`; exit 1 on a failure.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const tarball = resolve(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'gitstore-smoke-'));
const shell = process.platform === 'win32';
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: folder, encoding: 'utf8', shell });
const program = (name) => join(folder, 'node_modules', '.bin', name);

let passed = 0;
let failed = 0;
async function check(what, body) {
  try {
    await body();
    passed++;
    console.log(`ok   ${what}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${what}\n${error.stderr ?? ''}${error.stack}`);
  }
}
function equal(actual, expected) {
  if (actual !== expected) throw new Error(`got ${JSON.stringify(actual)}`);
}

writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
mkdirSync(join(folder, 'files', 'sub'), { recursive: true });
writeFileSync(join(folder, 'files', 'hello.txt'), 'hello\n');
writeFileSync(join(folder, 'files', 'sub', 'deep.txt'), 'deep\n');

await check('npm install of the tarball, with no install scripts', () => {
  run('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', tarball);
});
await check('it brings its license and no sources', () => {
  const names = readdirSync(join(folder, 'node_modules', 'gitstore'));
  for (const name of ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist', 'docs', 'package.json']) {
    if (!names.includes(name)) throw new Error(`no ${name}`);
  }
  if (names.includes('src')) throw new Error('src is in the package');
});
await check('gitstore stores a folder', () => {
  run(program('gitstore'), '-r', 'store.git', 'cp', 'files', ':');
  equal(
    run(program('gitstore'), '-r', 'store.git', 'ls', '-R'),
    'files/hello.txt\nfiles/sub/deep.txt\n',
  );
});
await check('vost is the same program', () => {
  equal(run(program('vost'), '-r', 'store.git', 'cat', 'files/sub/deep.txt'), 'deep\n');
});
await check('it copies out again', () => {
  run(program('vost'), '-r', 'store.git', 'cp', ':files', 'out');
  equal(readFileSync(join(folder, 'out', 'files', 'sub', 'deep.txt'), 'utf8'), 'deep\n');
});
await check('the version is that of the package', () => {
  const manifest = join(folder, 'node_modules', 'gitstore', 'package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  equal(run(program('gitstore'), '--version'), `gitstore ${version}\n`);
});
await check('Git finds the store in order', () => {
  equal(run('git', '--git-dir=store.git', 'fsck', '--strict'), '');
});
await check('the library opens it', () => {
  writeFileSync(
    join(folder, 'use.mjs'),
    `import { GitStore } from 'gitstore';
const store = await GitStore.open('store.git');
const fs = await (await store.branches.get('main')).writeText('note.txt', 'from the library\\n');
console.log(await fs.readText('files/hello.txt'), (await fs.ls()).join(' '));
await store.close();
`,
  );
  equal(run(process.execPath, 'use.mjs'), 'hello\n files note.txt\n');
});
await check('it serves files over HTTP', () => {
  writeFileSync(
    join(folder, 'serve.mjs'),
    `import { GitStore } from 'gitstore';
import { createFileHandler, listen } from 'gitstore/server';
const store = await GitStore.open('store.git');
const server = await listen(createFileHandler(store), { port: 0 });
const text = async (path) => (await fetch(server.url + path)).text();
console.log((await text('/files/hello.txt')).trim(), (await text('/?history')).includes('<ol'));
await server.close();
await store.close();
`,
  );
  equal(run(process.execPath, 'serve.mjs'), 'hello true\n');
});
await check('its types are there', () => {
  const manifest = pathToFileURL(join(folder, 'node_modules', 'gitstore', 'package.json'));
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8'));
  for (const name of ['.', './server']) readFileSync(new URL(exports[name].types, manifest));
});

rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

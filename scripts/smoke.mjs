/**
 * smoke.mjs TARBALL: installs the packed package into an empty folder, as a user does, and does the
 * main job with both programs and with the library, from JavaScript and TypeScript of both kinds of
 * modules. Prints `N passed, N failed`; exit 1 on a failure.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const tarball = resolve(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'gitstore-smoke-'));
const shell = process.platform === 'win32';
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: folder, encoding: 'utf8', shell });
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tool = (name) => join(root, 'node_modules', '.bin', name);
const tsc = (module) => [
  tool('tsc'),
  ...['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', ''],
  ...['--module', module],
];
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
    console.log(`FAIL ${what}\n${error.stdout ?? ''}${error.stderr ?? ''}${error.stack}`);
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
await check('it brings its license, in few files', () => {
  const names = readdirSync(join(folder, 'node_modules', 'gitstore'));
  for (const name of ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist', 'docs', 'package.json']) {
    if (!names.includes(name)) throw new Error(`no ${name}`);
  }
  const installed = readdirSync(join(folder, 'node_modules', 'gitstore'), {
    recursive: true,
    withFileTypes: true,
  });
  const { length } = installed.filter((entry) => entry.isFile());
  if (length > 250) throw new Error(`${length} files`);
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
await check('CommonJS loads the same library', () => {
  writeFileSync(
    join(folder, 'use.cjs'),
    `const { FS, GitStore } = require('gitstore');
const { listen } = require('gitstore/server');
import('gitstore').then((other) => console.log(FS.name, other.FS === FS, typeof listen));
`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, ['use.cjs'], {
    cwd: folder,
    encoding: 'utf8',
  });
  equal(stdout + stderr, 'FS true function\n');
});
await check('a CommonJS bundle of it works, with no node_modules beside it', () => {
  writeFileSync(
    join(folder, 'bundled.mjs'),
    `import { GitStore } from 'gitstore';
import { createFileHandler } from 'gitstore/server';
(async () => {
  const store = await GitStore.open('bundled.git');
  const fs = await (await store.branches.get('main')).copyIn(['files'], '');
  await fs.archiveOut({ file: 'bundled.tar.zst' });
  await store.gc();
  console.log(typeof createFileHandler, (await store.verify()).ok, (await fs.ls()).join());
  await store.close();
})();
`,
  );
  const alone = mkdtempSync(join(tmpdir(), 'gitstore-bundle-'));
  const file = join(alone, 'bundled.cjs');
  run(
    tool('esbuild'),
    'bundled.mjs',
    '--bundle',
    '--platform=node',
    '--format=cjs',
    '--external:fs-native-extensions',
    '--log-level=error',
    `--outfile=${file}`,
  );
  equal(run(process.execPath, file), 'function true files\n');
  rmSync(alone, { recursive: true, force: true });
});
await check('an error that nothing catches shows readable code', () => {
  writeFileSync(
    join(folder, 'fail.mjs'),
    `import { GitStore } from 'gitstore';
await (await (await GitStore.open('store.git')).fs('main')).readText('missing.txt');
`,
  );
  const fail = (...flags) =>
    spawnSync(process.execPath, [...flags, 'fail.mjs'], { cwd: folder, encoding: 'utf8' }).stderr;
  for (const line of fail().split('\n')) if (line.length > 200) throw new Error(line);
  const text = fail('--enable-source-maps');
  if (!/at .* \(.*[/\\]src[/\\]store[/\\].*\.ts:\d+/.test(text)) throw new Error(text);
});
await check('maps lead to what is there', () => {
  const dist = join(folder, 'node_modules', 'gitstore', 'dist');
  for (const name of ['index.d.ts', 'server.d.ts']) {
    const { sources } = JSON.parse(readFileSync(join(dist, `${name}.map`), 'utf8'));
    for (const source of sources) {
      if (!existsSync(join(dist, source))) throw new Error(`${name}.map names ${source}`);
    }
  }
});
await check('TypeScript takes it in both kinds of modules, without types of Node', () => {
  const use = `import { FileType, GitStore, type FS } from 'gitstore';
export async function use(): Promise<FS> {
  await using store = await GitStore.open('store.git', { durability: 'fast' });
  const fs = await (await store.branches.get('main')).write('a', 'text', { mode: FileType.BLOB });
  const stream: ReadableStream<Uint8Array> = fs.readStream('a');
  await fs.archiveOut({ file: 'a.zip' });
  for await (const { path } of fs.diff(fs)) console.log(path, stream);
  // @ts-expect-error: no such option
  await fs.copyIn('files', '', { excluded: [] });
  return fs;
}
`;
  for (const name of ['typed.mts', 'typed.cts']) writeFileSync(join(folder, name), use);
  for (const module of ['node16', 'nodenext']) run(...tsc(module), 'typed.mts', 'typed.cts');
});
await check('the examples of the declarations are right', () => {
  const dist = join(folder, 'node_modules', 'gitstore', 'dist');
  const text = readFileSync(join(dist, 'index.d.ts'), 'utf8');
  const examples = [...text.matchAll(/@example\s+\* ```ts\n(.*?)\* ```/gs)].map(([, code], i) => {
    const lines = code.replace(/^ *\* ?/gm, '');
    return `export async function example${i}(store: GitStore, fs: FS) {\n{\n${lines}}\n}\n`;
  });
  if (examples.length < 15) throw new Error(`${examples.length} examples`);
  const head =
    "import { type FS, GitStore, Workspace } from 'gitstore';\nvoid [GitStore, Workspace];\n";
  writeFileSync(join(folder, 'examples.mts'), head + examples.join(''));
  run(...tsc('nodenext'), 'examples.mts');
});
await check('publint finds no fault', () => {
  run(tool('publint'), tarball, '--strict');
});
await check('attw finds no fault', () => {
  run(tool('attw'), tarball);
});

rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

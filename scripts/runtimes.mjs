/**
 * The programs that gitstore runs on, got as packages of the npm registry, and the tour of gitstore on
 * each: scripts/tour.mjs. What is got lies in the user's cache folder.
 *
 *     node scripts/runtimes.mjs list
 *     node scripts/runtimes.mjs tour TARBALL [NAME…]     all of them without a name; prints `N of N` for each.
 *                                                        `executable`: the program as one file (scripts/sea.mjs)
 *     node scripts/runtimes.mjs run NAME [ARGUMENT…]     that program, as if it were installed
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tour, updateTogether } from './tour.mjs';

const { platform, arch } = process;
const windows = platform === 'win32';

/** The oldest of each line of Node that is supported, where the registry has one, and what else runs it. */
const RUNTIMES = {
  'node20.19': node('20.19'),
  node22: node('22'),
  node24: node('24'),
  node26: node('26'),
  bun: {
    package: `@oven/bun-${windows ? 'windows' : platform}-${arch === 'arm64' ? 'aarch64' : arch}`,
    version: '^1.4.5',
    file: windows ? 'bin/bun.exe' : 'bin/bun',
    run: [],
  },
  deno: {
    package: `@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`,
    version: '^2.9.6',
    file: windows ? 'deno.exe' : 'deno',
    run: ['run', '--allow-all', '--quiet'],
  },
};

function node(version) {
  return {
    package: `node-${windows ? 'win' : platform}-${arch}`,
    version,
    file: windows ? 'bin/node.exe' : 'bin/node',
    run: [],
  };
}

export const names = Object.keys(RUNTIMES);

/**
 * The command that runs a script on it.
 * @throws Error with the reason where it cannot be had
 */
export function commandOf(name) {
  const runtime = RUNTIMES[name];
  if (runtime === undefined) throw new Error(`no runtime ${name}; there are ${names.join(', ')}`);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'gitstore-runtimes', `${name}-${runtime.version.replace('^', '')}`);
  const executable = join(folder, 'node_modules', runtime.package, runtime.file);
  if (!existsSync(executable)) install(runtime, folder);
  if (!existsSync(executable)) throw new Error(`${runtime.package} holds no ${runtime.file}`);
  return [executable, ...runtime.run];
}

function install(runtime, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const wanted = `${runtime.package}@${runtime.version}`;
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr, error } = spawnSync('npm', ['install', ...flags, wanted], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
    shell: windows,
  });
  if (status === 0) return;
  rmSync(folder, { recursive: true, force: true });
  throw new Error(`npm has no ${wanted}: ${error?.message ?? stderr.trim().split('\n')[0]}`);
}

/** An empty folder with the packed package in its node_modules. */
function installed(tarball) {
  const folder = mkdtempSync(join(tmpdir(), 'gitstore-tour-'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags, resolve(tarball)], { cwd: folder, shell: windows });
  return folder;
}

const EXECUTABLE = 'executable';

/** The program as one file, which lies where no node_modules is beside it. */
function executable(folder) {
  commandOf('node26');
  const file = join(folder, windows ? 'gitstore.exe' : 'gitstore');
  execFileSync(process.execPath, [fileURLToPath(new URL('sea.mjs', import.meta.url)), file]);
  return file;
}

async function main([verb, ...args]) {
  if (verb === 'list') {
    console.log(names.join('\n'));
  } else if (verb === 'run') {
    const [executable, ...rest] = commandOf(args[0]);
    process.exitCode = spawnSync(executable, [...rest, ...args.slice(1)], {
      stdio: 'inherit',
    }).status;
  } else if (verb === 'tour') {
    const [tarball, ...wanted] = args;
    const folder = installed(tarball);
    const alone = mkdtempSync(join(tmpdir(), 'gitstore-executable-'));
    const totals = { passed: 0, failed: 0 };
    const found = new Map();
    for (const name of wanted.length > 0 ? wanted : [...names, EXECUTABLE]) {
      let command;
      let file;
      try {
        if (name === EXECUTABLE) file = executable(alone);
        else command = commandOf(name);
      } catch (error) {
        console.log(`skipped ${name}: ${error.message}`);
        continue;
      }
      if (command !== undefined) found.set(name, command);
      const { passed, failed } = await tour(name, command, folder, file);
      console.log(`${name}: ${passed} of ${passed + failed}`);
      totals.passed += passed;
      totals.failed += failed;
    }
    if (found.size > 1) {
      const { passed, failed } = await updateTogether(found, folder);
      totals.passed += passed;
      totals.failed += failed;
    }
    for (const path of [folder, alone]) rmSync(path, { recursive: true, force: true });
    console.log(`${totals.passed} passed, ${totals.failed} failed`);
    process.exitCode = totals.failed > 0 ? 1 : 0;
  } else {
    console.log('node scripts/runtimes.mjs list | tour TARBALL [NAME…] | run NAME [ARGUMENT…]');
    process.exitCode = 2;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv.slice(2));

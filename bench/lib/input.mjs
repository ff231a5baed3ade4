/**
 * What the figures work on, made once and kept in the cache folder (bench/.cache, or
 * GITSTORE_BENCH_CACHE): a tree of real source files, and two big files.
 */
import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { randomNumbers } from './random.mjs';

const manifest = join(import.meta.dirname, '..', 'input');

export function cacheFolder() {
  const folder = process.env.GITSTORE_BENCH_CACHE ?? join(import.meta.dirname, '..', '.cache');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Installed npm packages at the versions of bench/input: about 16,700 files, 140 MB, 18 links.
 * `worktree` is a folder that holds nothing but the folder `tree`, in which they lie. All files
 * have been read, so that they come from the page cache.
 */
export function realTree() {
  const worktree = join(cacheFolder(), 'source');
  const tree = join(worktree, 'tree');
  if (!existsSync(tree)) installTree(worktree, tree);
  const paths = listFiles(tree);
  let bytes = 0;
  for (const path of paths) {
    const file = join(tree, path);
    const stat = lstatSync(file);
    if (stat.isSymbolicLink()) continue;
    bytes += stat.size;
    readFileSync(file);
  }
  return { worktree, tree, paths, files: paths.length, bytes };
}

function installTree(worktree, tree) {
  console.error('Installing the packages that serve as input…');
  const folder = join(cacheFolder(), 'install');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) {
    copyFileSync(join(manifest, file), join(folder, file));
  }
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  mkdirSync(worktree, { recursive: true });
  renameSync(join(folder, 'node_modules'), tree);
  rmSync(folder, { recursive: true });
}

/** Every file and link below a folder, as paths relative to it with '/' between the names. */
export function listFiles(folder) {
  const found = [];
  const visit = (path) => {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      const below = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) visit(below);
      else found.push(below);
    }
  };
  visit('');
  return found;
}

/**
 * A file of `bytes` bytes that are really on the disk. 'random' does not shrink; 'text' is source
 * code over and over. Both are the same bytes every time.
 */
export function bigFile(kind, bytes) {
  const folder = join(cacheFolder(), 'big');
  const file = join(folder, `${kind}-${bytes}`);
  if (existsSync(file)) return file;
  console.error(`Writing ${bytes / 2 ** 30} GiB of ${kind}…`);
  mkdirSync(folder, { recursive: true });
  const next = kind === 'random' ? randomChunks() : textChunks();
  const out = openSync(`${file}.tmp`, 'w');
  for (let left = bytes; left > 0; ) {
    const chunk = next();
    left -= writeSync(out, chunk, 0, Math.min(chunk.length, left));
  }
  closeSync(out);
  renameSync(`${file}.tmp`, file);
  return file;
}

function randomChunks() {
  const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(1 << 22);
  return () => cipher.update(zeros);
}

function textChunks() {
  const { tree, paths } = realTree();
  const sources = paths.filter((path) => /\.(js|ts|mjs|cjs|md)$/.test(path)).sort();
  let at = 0;
  return () => {
    const path = join(tree, sources[at++ % sources.length]);
    const body = lstatSync(path).isFile() ? readFileSync(path) : Buffer.alloc(0);
    return Buffer.concat([Buffer.from(`// ${path}\n`), body]);
  };
}

/** A shuffle that is the same every time. */
export function shuffled(values, seed = 1) {
  const result = [...values];
  const random = randomNumbers(seed);
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

/** Writes lines to a file that a rival reads as its stdin. */
export function writeLines(file, lines) {
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

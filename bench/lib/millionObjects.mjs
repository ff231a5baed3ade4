/** A repository of 1,000,000 objects of which the newest snapshot has 10,000 files; made once and kept. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './input.mjs';
import { environment, output } from './measure.mjs';

const FILES = 10_000;
const COMMITS = 98;

/** @returns its path */
export async function millionObjects() {
  const path = join(cacheFolder(), `objects-${FILES}-${COMMITS}.git`);
  if (existsSync(path)) return path;
  console.error('Making 1,000,000 objects…');
  const draft = `${path}.tmp-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  output('git', ['init', '-q', '--bare', '-b', 'main', draft]);
  const git = ['--git-dir', draft, 'fast-import', '--quiet'];
  const child = spawn('git', git, { env: environment, stdio: ['pipe', 'ignore', 'inherit'] });
  for (let commit = 0; commit < COMMITS; commit++) {
    if (!child.stdin.write(stream(commit))) await once(child.stdin, 'drain');
  }
  child.stdin.end();
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`git fast-import: exit ${code}`);
  renameSync(draft, path);
  return path;
}

/** A commit that writes every file anew. */
function stream(commit) {
  const parts = [
    `commit refs/heads/main\ncommitter bench <bench@localhost> ${17e8 + commit} +0000\n`,
  ];
  parts.push('data 4\nfill\n');
  for (let i = 0; i < FILES; i++) {
    const text = `file ${i} in commit ${commit}\n`.repeat(1 + (i % 40));
    parts.push(`M 100644 inline dir${i % 100}/file${i}\ndata ${text.length}\n${text}\n`);
  }
  return parts.join('');
}

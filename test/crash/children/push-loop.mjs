/**
 * push-loop.mjs STORE FOLDER STOPFILE: in FOLDER, a new Git repository, commits and pushes to the
 * branch `pushed` of the store, again and again until STOPFILE exists. Prints the hash of every
 * commit that was pushed; a push that fails ends it with exit 1.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const [store, folder, stopFile] = process.argv.slice(2);
const git = (...args) => execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' });

git('init', '-q');
for (let i = 0; !existsSync(stopFile); i++) {
  git('commit', '-q', '--allow-empty', '-m', `pushed ${i}`);
  git('push', '-q', store, 'HEAD:refs/heads/pushed');
  console.log(git('rev-parse', 'HEAD').trim());
}

/**
 * push-loop.mjs STORE FOLDER STOPFILE: in FOLDER, a new Git repository, commits and pushes to the
 * branch `pushed` of the store, again and again until STOPFILE exists. Prints the hash of every
 * commit that was pushed; a push that fails ends it with exit 1.
 *
 * Git's own gc removes an empty directory of objects between the moments when another Git looks for
 * it and writes into it; that push fails, with nothing done, and is made again.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const [store, folder, stopFile] = process.argv.slice(2);
const git = (...args) =>
  execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: 'pipe' });

function push() {
  for (let attempt = 1; ; attempt++) {
    try {
      git('push', '-q', store, 'HEAD:refs/heads/pushed');
      return;
    } catch (error) {
      const lostDirectory = /unable to write file \.\/objects\/.*No such file or directory/;
      if (attempt === 5 || !lostDirectory.test(error.stderr)) throw error;
    }
  }
}

git('init', '-q');
for (let i = 0; !existsSync(stopFile); i++) {
  git('commit', '-q', '--allow-empty', '-m', `pushed ${i}`);
  push();
  console.log(git('rev-parse', 'HEAD').trim());
}

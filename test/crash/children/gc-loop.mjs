/** gc-loop.mjs STORE STOPFILE: `git gc` again and again until STOPFILE exists. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const [store, stopFile] = process.argv.slice(2);
while (!existsSync(stopFile)) {
  execFileSync('git', ['--git-dir', store, 'gc', '-q'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

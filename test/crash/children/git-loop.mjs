/**
 * git-loop.mjs STORE STOPFILE: `git gc` again and again until STOPFILE exists, beside others who
 * collect: while they have the lock it is tried again. Prints a line a round.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const [store, stopFile] = process.argv.slice(2);
while (!existsSync(stopFile)) {
  const { status, stderr } = spawnSync('git', ['--git-dir', store, 'gc', '-q'], {
    encoding: 'utf8',
  });
  // Loose refs that move while it packs refs stay loose, which it reports as errors.
  if (status === 0) console.log('done');
  else if (!/gc is already running|gc\.pid\.lock/.test(stderr)) throw new Error(stderr);
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/**
 * A process that exchanges directories for links to others and back, until it is killed:
 * `swapDirectory FOLDER VICTIM NAME…`.
 */
import { renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

const [folder, victim, ...names] = process.argv.slice(2);

function attempt(act) {
  try {
    act();
    return true;
  } catch {
    // The copy has come first, or has not come so far.
    return false;
  }
}

process.stdout.write('ready\n');
for (;;) {
  for (const name of names) {
    const path = join(folder, name);
    const aside = `${path}.aside`;
    if (!attempt(() => renameSync(path, aside))) continue;
    attempt(() => symlinkSync(join(victim, name), path));
    // Long enough for some calls of the copy.
    for (const end = performance.now() + Math.random() * 0.3; performance.now() < end; );
    attempt(() => unlinkSync(path));
    attempt(() => renameSync(aside, path));
  }
}

/** A store that may not be written to says so, whichever command notices it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { gitEnvironment } from '../helpers/git.ts';
import { canRunAsOthers } from '../helpers/users.ts';
import { Place, programPath } from './program.ts';

test.skipIf(!canRunAsOthers())('every command that writes', async () => {
  const place = new Place();
  await place.okWith({ input: 'a' }, 'write', 'a');
  chmodSync(place.folder, 0o755);
  chmodSync(dirname(programPath()), 0o755);
  // Its owner, whose repository it is, and who may not write.
  for (const name of ['', ...readdirSync(place.repo, { recursive: true, encoding: 'utf8' })]) {
    const path = join(place.repo, name);
    chownSync(path, 54003, 54003);
    chmodSync(path, lstatSync(path).isDirectory() ? 0o555 : 0o444);
  }
  for (const args of [
    ['write', 'b'],
    ['gc'],
    ['pack'],
    ['cp', '/etc/hostname', ':'],
    ['rm', 'a'],
  ]) {
    const env = { ...gitEnvironment, NODE_DISABLE_COMPILE_CACHE: '1' };
    const command = [programPath(), '-r', place.repo, ...args];
    const options = {
      uid: 54003,
      gid: 54003,
      cwd: '/',
      env,
      input: 'b',
      encoding: 'utf8',
    } as const;
    const { status, stderr } = spawnSync(process.execPath, command, options);
    const wanted = { status: 1, stderr: `Error: The store is read-only: ${place.repo}\n` };
    expect({ args, status, stderr }).toEqual({ args, ...wanted });
  }
});

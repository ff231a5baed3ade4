/** Being somebody whom permissions stop. */
import { spawnSync } from 'node:child_process';
import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const NOBODY = 65534;

/** Runs as somebody whom permissions stop, which root is not; `folder` becomes theirs. */
export async function asPlainUser(folder: string, action: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return action();
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const path of [folder, ...paths.map((name) => join(folder, name))]) {
    chownSync(path, NOBODY, NOBODY);
  }
  process.seteuid?.(NOBODY);
  try {
    await action();
  } finally {
    process.seteuid?.(0);
  }
}

/**
 * Whether this process may run Node as another user, on files of this checkout: either may lie in a folder
 * that is open to its owner alone.
 */
export function canRunAsOthers(): boolean {
  if (process.platform === 'win32' || process.getuid?.() !== 0) return false;
  const script = `require('node:fs').accessSync(${JSON.stringify(import.meta.filename)})`;
  const options = { uid: NOBODY, gid: NOBODY, cwd: '/' };
  return spawnSync(process.execPath, ['-e', script], options).status === 0;
}

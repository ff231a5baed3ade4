/** Being somebody whom permissions stop. */
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

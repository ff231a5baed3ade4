/**
 * The owner of a repository. A repository of another user is read but not written to, and no program that
 * its configuration names is run, because that user may have prepared its files. The rule and its
 * settings are Git's `safe.directory` (git-config(1)).
 */

import { PermissionError } from '../../errors.ts';
import { parseConfig } from '../../git/repository/config.ts';
import { shellWord } from '../../shellWord.ts';
import { realpathSync, statSync } from './fs.ts';
import {
  configText,
  environmentSettings,
  expandHome,
  realOr,
  userConfigFiles,
} from './userConfig.ts';

/** Repositories known to be trusted, by path and user. */
const trusted = new Set<string>();

/** Whether the repository belongs to the user, or `safe.directory` names it. */
export function isTrusted(gitDir: string): boolean {
  const user = process.geteuid?.();
  if (user === undefined) return true;
  const key = `${user} ${gitDir}`;
  if (trusted.has(key)) return true;
  const owner = statSync(gitDir).uid;
  const isOwn = owner === user || (user === 0 && owner === invoker());
  if (!isOwn && !isNamed(gitDir)) return false;
  trusted.add(key);
  return true;
}

/** @throws PermissionError for a repository of another user that `safe.directory` does not name */
export function checkOwner(gitDir: string): void {
  if (isTrusted(gitDir)) return;
  const path = realpathSync(gitDir);
  throw new PermissionError(
    `${gitDir} belongs to another user, so it is only read; to write to it all the same: git config --global --add safe.directory ${shellWord(path)}`,
    { path: gitDir },
  );
}

/** The id of the user who called sudo. */
function invoker(): number | undefined {
  const { SUDO_UID: id } = process.env;
  return id !== undefined && /^[0-9]+$/.test(id) ? Number(id) : undefined;
}

function isNamed(gitDir: string): boolean {
  const path = realpathSync(gitDir);
  // `safe.directory` names a working copy by its folder.
  const names = [path, path.replace(/\/\.git$/, '')];
  let isSafe = false;
  for (const value of safeDirectories()) {
    const wanted = expandHome(value);
    if (value === '') isSafe = false;
    else if (value === '*' || names.includes(realOr(wanted))) isSafe = true;
    else if (wanted.endsWith('/*')) {
      const folder = realOr(wanted.slice(0, -2));
      isSafe ||= names.some((name) => name.startsWith(`${folder}/`));
    }
  }
  return isSafe;
}

/**
 * The values of `safe.directory` in Git's order: the system's, the user's, and the environment's. Ignores
 * the repository's own. Does not read included files.
 */
function safeDirectories(): string[] {
  const key = 'safe.directory';
  const values = userConfigFiles().flatMap((file) => parseConfig(configText(file)).getAll(key));
  for (const [name, value] of environmentSettings()) {
    if (name.toLowerCase() === key) values.push(value);
  }
  return values;
}

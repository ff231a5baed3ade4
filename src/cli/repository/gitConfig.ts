/**
 * Git's settings for a repository as Git reads them: the system's, the user's, the repository's and those
 * of the environment, with the files that they include (git-config(1), "Includes"). Of the conditions
 * `gitdir` and `gitdir/i` are known.
 */

import { dirname, isAbsolute, join } from 'node:path';
import { GitStoreError } from '../../errors.ts';
import { encodePath } from '../../git/pathBytes.ts';
import { GitConfig, normalizeKey, parseConfig } from '../../git/repository/config.ts';
import { addAll } from '../../lists.ts';
import {
  configText,
  environmentSettings,
  expandHome,
  realOr,
  userConfigFiles,
} from '../../storage/disk/userConfig.ts';
import { compileWildmatch } from '../../tree/wildmatch.ts';

type Setting = readonly [key: string, value: string | null];

/** As Git: more files within files are a circle. */
const DEEPEST_INCLUDE = 10;

/**
 * @param gitDir the repository; undefined for one that is not on this disk
 * @throws GitStoreError for a file that cannot be made out
 */
export function readGitConfig(gitDir: string | undefined): GitConfig {
  const files = [...userConfigFiles(), ...(gitDir === undefined ? [] : [join(gitDir, 'config')])];
  const settings: Setting[] = files.flatMap((file) => settingsOf(file, gitDir, 0));
  for (const [key, value] of environmentSettings()) settings.push([normalizeKey(key), value]);
  return new GitConfig(settings);
}

function settingsOf(file: string, gitDir: string | undefined, depth: number): Setting[] {
  const settings: Setting[] = [];
  for (const setting of parsed(file).entries()) {
    settings.push(setting);
    const [key, value] = setting;
    if (value === null || depth >= DEEPEST_INCLUDE) continue;
    if (key !== 'include.path' && !isIncluded(key, file, gitDir)) continue;
    const path = expandHome(value);
    const included = isAbsolute(path) ? path : join(dirname(file), path);
    addAll(settings, settingsOf(included, gitDir, depth + 1));
  }
  return settings;
}

function parsed(file: string): GitConfig {
  try {
    return parseConfig(configText(file));
  } catch (error) {
    if (!(error instanceof GitStoreError)) throw error;
    throw new GitStoreError(`${file}: ${error.message}; mend it`, error.code, {
      path: file,
      cause: error,
    });
  }
}

/** Whether the key is `includeIf.CONDITION.path` and the condition holds. */
function isIncluded(key: string, file: string, gitDir: string | undefined): boolean {
  const match = /^includeif\.(gitdir(?:\/i)?):(.*)\.path$/s.exec(key);
  if (match === null || gitDir === undefined) return false;
  const folded = match[1] === 'gitdir/i';
  let pattern = expandHome(match[2]!);
  if (pattern.startsWith('./')) pattern = join(dirname(realOr(file)), pattern.slice(2));
  else if (!isAbsolute(pattern)) pattern = `**/${pattern}`;
  if (/[/\\]$/.test(match[2]!)) pattern = `${pattern.replace(/[/\\]$/, '')}/**`;
  const matches = compileWildmatch(asBytes(pattern, folded));
  return [realOr(gitDir), gitDir].some((path) => matches?.(asBytes(path, folded)) === true);
}

function asBytes(path: string, folded: boolean): string {
  const slashes = process.platform === 'win32' ? path.replaceAll('\\', '/') : path;
  return encodePath(folded ? slashes.toLowerCase() : slashes).toString('latin1');
}

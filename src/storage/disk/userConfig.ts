/** Git's configuration outside the repository (git-config(1), "FILES", "ENVIRONMENT"). */
import { homedir } from 'node:os';
import { decodePath } from '../../git/pathBytes.ts';
import { isErrno } from './durable.ts';
import { readFileSync, realpathSync } from './fs.ts';

function homeFolder(): string {
  return process.env.HOME || homedir();
}

/** A path of the configuration, `~/` replaced by the user's home. */
export function expandHome(path: string): string {
  return path.startsWith('~/') ? homeFolder() + path.slice(1) : path;
}

/** The path without links on the way, or as it is where that cannot be told. */
export function realOr(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) return path;
    throw error;
  }
}

/** The system's file and the user's, in the order in which Git reads them. They may not exist. */
export function userConfigFiles(): string[] {
  const { env } = process;
  const home = homeFolder();
  const files: string[] = [];
  if (!/^(1|true|yes|on)$/i.test(env.GIT_CONFIG_NOSYSTEM ?? '')) {
    files.push(env.GIT_CONFIG_SYSTEM ?? '/etc/gitconfig');
  }
  if (env.GIT_CONFIG_GLOBAL !== undefined) files.push(env.GIT_CONFIG_GLOBAL);
  else files.push(`${env.XDG_CONFIG_HOME || `${home}/.config`}/git/config`, `${home}/.gitconfig`);
  return files;
}

/** Settings from the environment, which override all files: `GIT_CONFIG_COUNT` and its pairs. */
export function environmentSettings(): (readonly [key: string, value: string])[] {
  const { env } = process;
  const settings: (readonly [string, string])[] = [];
  for (let i = 0; i < Number(env.GIT_CONFIG_COUNT ?? 0); i++) {
    const key = env[`GIT_CONFIG_KEY_${i}`];
    if (key !== undefined) settings.push([key, env[`GIT_CONFIG_VALUE_${i}`] ?? '']);
  }
  return settings;
}

/** The text of a configuration file; as in Git, empty when it is missing or not readable. */
export function configText(file: string): string {
  try {
    return decodePath(readFileSync(file));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return '';
    throw error;
  }
}

/**
 * What a repository's `config` file means to a store (git-config(1), gitrepository-layout(5)).
 */

import { GitStoreError } from '../../errors.ts';
import { type GitConfig, parseConfig, setConfigValue } from '../../git/config.ts';
import { isErrno } from '../disk/durable.ts';
import { readFileSync } from '../disk/fs.ts';
import { parseSharing, setSharing } from '../disk/sharing.ts';

export interface RepositoryConfig {
  /** zlib level 0 to 9, where the repository names one. */
  readonly compression: number | undefined;
  /** Blobs above this many bytes are never deltified, where the repository names a limit. */
  readonly bigFileThreshold: number | undefined;
  /** All of it. */
  readonly file: GitConfig;
}

/** What the creator of a store may choose. */
export interface ConfigChoices {
  readonly compression?: number | undefined;
  readonly bigFileThreshold?: number | undefined;
}

/**
 * The configuration of a new store. Reflogs are kept for every ref and for ever, so that a plain
 * `git gc` keeps what undo and redo can reach.
 */
export function newConfig({ compression, bigFileThreshold }: ConfigChoices): string {
  const values: [key: string, value: string][] = [
    ['core.repositoryformatversion', '0'],
    ['core.filemode', String(process.platform !== 'win32')],
    ['core.bare', 'true'],
    ['core.logAllRefUpdates', 'always'],
  ];
  if (compression !== undefined) values.push(['core.compression', String(compression)]);
  if (bigFileThreshold !== undefined) {
    values.push(['core.bigFileThreshold', String(bigFileThreshold)]);
  }
  values.push(['gc.reflogExpire', 'never'], ['gc.reflogExpireUnreachable', 'never']);
  return values.reduce((text, [key, value]) => setConfigValue(text, key, value), '');
}

/**
 * Reads the configuration of a repository.
 * @throws GitStoreError where it needs what gitstore does not know
 */
export function readRepositoryConfig(gitDir: string): RepositoryConfig {
  const config = parseConfig(readConfigText(gitDir));
  checkFormat(config, gitDir);
  applySharing(config, gitDir);
  const compression = config.getInt('core.compression');
  return {
    // Git writes -1 for "zlib's own choice".
    compression: compression !== undefined && compression >= 0 ? compression : undefined,
    bigFileThreshold: config.getInt('core.bigFileThreshold'),
    file: config,
  };
}

/** @throws GitStoreError for permissions that would keep the owner out, and what is no permission */
function applySharing(config: GitConfig, gitDir: string): void {
  const value = config.get('core.sharedrepository');
  // A key that stands alone says yes.
  const isBareKey = value === '' && config.getBool('core.sharedrepository') === true;
  const sharing = parseSharing(isBareKey ? 'true' : value);
  if (sharing === undefined) {
    throw new GitStoreError(
      `Cannot use ${gitDir}: core.sharedRepository is ${JSON.stringify(value)}, which is no sharing`,
      'EINVAL',
      { path: gitDir },
    );
  }
  setSharing(gitDir, sharing);
}

export function readConfigText(gitDir: string, name = 'config'): string {
  try {
    return readFileSync(`${gitDir}/${name}`, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

/** Extensions that change nothing about how objects and refs are read and written here. */
const HARMLESS_EXTENSIONS = new Set([
  'extensions.noop',
  'extensions.partialclone',
  'extensions.preciousobjects',
  'extensions.worktreeconfig',
  'extensions.relativeworktrees',
]);

/** As `git help repository-version` (gitrepository-layout(5)) demands: refuse what is not known. */
function checkFormat(config: GitConfig, gitDir: string): void {
  const version = config.getInt('core.repositoryformatversion') ?? 0;
  if (version > 1) throw unsupported(gitDir, `repository format version ${version}`);
  for (const key of config.keys()) {
    if (!key.startsWith('extensions.')) continue;
    const value = config.get(key) ?? '';
    if (key === 'extensions.objectformat' && value !== 'sha1') {
      throw unsupported(gitDir, `object format ${value}`);
    }
    if (key === 'extensions.refstorage' && value !== 'files') {
      throw unsupported(gitDir, `ref storage ${value}`);
    }
    const known = key === 'extensions.objectformat' || key === 'extensions.refstorage';
    // Repositories of version 0 may carry anything here, as Git has it.
    if (version === 1 && !known && !HARMLESS_EXTENSIONS.has(key)) {
      throw unsupported(gitDir, `extension ${key.slice('extensions.'.length)}`);
    }
  }
}

function unsupported(gitDir: string, what: string): GitStoreError {
  return new GitStoreError(`Cannot use ${gitDir}: it has ${what}`, 'EUNSUPPORTED', {
    path: gitDir,
  });
}

/**
 * A repository's `config` file as far as it affects a store (git-config(1), gitrepository-layout(5)).
 */

import { GitStoreError } from '../../errors.ts';
import { type GitConfig, parseConfig, setConfigValue } from '../../git/repository/config.ts';
import { isErrno } from '../disk/durable.ts';
import { readFileSync } from '../disk/fs.ts';
import { parseSharing, setSharing } from '../disk/sharing.ts';

export interface RepositoryConfig {
  /** zlib level 0 to 9, if the repository sets one. */
  readonly compression: number | undefined;
  /** Size in bytes above which blobs are never deltified, if the repository sets one. */
  readonly bigFileThreshold: number | undefined;
  /** The whole configuration. */
  readonly file: GitConfig;
}

/** Settings that the creator of a store may choose. */
export interface ConfigChoices {
  readonly compression?: number | undefined;
  readonly bigFileThreshold?: number | undefined;
}

/**
 * The configuration of a new store. It keeps reflogs of every ref forever, so that a plain `git gc` keeps
 * everything that undo and redo can reach.
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
 * @throws GitStoreError when it requires an unsupported extension
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

/** @throws GitStoreError for permissions that lock out the owner, and for invalid values */
function applySharing(config: GitConfig, gitDir: string): void {
  const value = config.get('core.sharedrepository');
  // A key without a value means true.
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

/** Extensions that do not affect how objects and refs are read and written here. */
const HARMLESS_EXTENSIONS = new Set([
  'extensions.noop',
  'extensions.partialclone',
  'extensions.preciousobjects',
  'extensions.worktreeconfig',
  'extensions.relativeworktrees',
]);

/** Refuses unknown extensions, as `git help repository-version` demands. */
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
    // As in Git, repositories of version 0 may have any value here.
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

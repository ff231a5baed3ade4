/** A repository's settings for pushes that delete its refs (git-config(1), `receive.*`). */
import { parseConfig } from '../../../../git/repository/config.ts';
import type { Head } from '../../../storage.ts';
import { readConfigText } from '../../repositoryConfig.ts';

const HEADS = 'refs/heads/';

/** The branches among these refs that a push may not delete, as for Git's own push, with reasons. */
export async function deniedDeletions(
  gitDir: string,
  refs: readonly string[],
  head: Promise<Head>,
): Promise<ReadonlyMap<string, string>> {
  const branches = refs.filter((ref) => ref.startsWith(HEADS));
  const current = await head;
  if (branches.length === 0) return new Map();
  const config = parseConfig(readConfigText(gitDir));
  if (config.getBool('receive.denyDeletes')) {
    return new Map(branches.map((ref) => [ref, 'deletion prohibited']));
  }
  const policy = config.get('receive.denyDeleteCurrent') ?? 'refuse';
  const isDenied =
    !/^(ignore|warn)$/i.test(policy) &&
    (/^refuse$/i.test(policy) || config.getBool('receive.denyDeleteCurrent'));
  if (!isDenied || !('ref' in current) || !branches.includes(current.ref)) return new Map();
  return new Map([[current.ref, 'deletion of the current branch prohibited']]);
}

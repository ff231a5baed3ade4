/** The first commit of a branch without history. */
import type { Identity } from '../../git/objects/commit.ts';
import type { StoreContext } from '../context/context.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { inSession, writeCommit } from './commit.ts';

/**
 * Writes a commit without files or parents. It is on no branch yet.
 * @param branch short name of the branch, for the message
 * @returns also `who`, the committer and time for the reflog
 */
export function writeEmptyCommit(
  store: StoreContext,
  branch: string,
): Promise<Snapshot & { readonly who: Identity }> {
  return inSession(store, async (writer) => {
    const tree = await writer.write('tree', new Uint8Array(0));
    const message = `Initialize ${branch}`;
    const parts = { tree, parents: [], message, outside: [] };
    const { id, commit, who } = await writeCommit(store, writer, parts);
    return { store, id, commit, ref: null, who };
  });
}

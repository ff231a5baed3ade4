/** Moves a branch back and forward again: undo and redo. redo.ts finds where redo leads. */
import { KeyNotFoundError } from '../../errors.ts';
import { moveBranch } from '../commit/commit.ts';
import { branchOf, fullRefName, loadSnapshot, type Snapshot } from '../context/snapshot.ts';
import { ancestorOf, checkSteps } from './history.ts';
import { redoMessage, redoTarget, undoMessage } from './redo.ts';

/** Moves the branch back by first parents. */
export async function undo(snapshot: Snapshot, steps: number): Promise<Snapshot> {
  branchOf(snapshot);
  checkSteps(steps, 1);
  const target = await ancestorOf(snapshot, steps);
  await moveBranch(snapshot, target.id, undoMessage(steps, snapshot.id));
  return target;
}

/**
 * Takes back undos: the newest moves of the branch, as far as `undo` has made them. Follows the branch's
 * reflog backwards from the newest entry that arrived at this commit, and takes each entry's old value. A
 * redo continues where the previous one stopped.
 * @throws KeyNotFoundError when there are fewer undos to take back
 */
export async function redo(snapshot: Snapshot, steps: number): Promise<Snapshot> {
  const branch = branchOf(snapshot);
  checkSteps(steps, 1);
  const { store } = snapshot;
  const reflog = store.refs.reflog(fullRefName(branch));
  const { target, found } = await redoTarget(reflog, snapshot.id, steps);
  if (target === undefined) {
    const what =
      found === 0
        ? `Nothing to redo on branch '${branch.name}': its last move was no undo`
        : `Cannot redo ${steps} on branch '${branch.name}': only ${found} can be redone`;
    throw new KeyNotFoundError(what, { ref: branch.name });
  }
  const there = await loadSnapshot(store, target, branch);
  await moveBranch(snapshot, target, redoMessage(steps, snapshot.id));
  return there;
}

/**
 * Looks up one name in many trees of a history (packedTrees.ts). The log of a file takes tens of
 * thousands of lookups, and neighbouring trees usually hold the same entry, so it allocates an object only
 * for an answer that differs from the last one.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { canonicalMode, type TreeEntry } from '../../git/objects/tree.ts';
import { encodePath } from '../../git/pathBytes.ts';
import type { FoundEntry, PackBytes, PackedTrees } from './packedTrees.ts';

type Answer = Pick<TreeEntry, 'mode' | 'id'>;

export class TreeProbe {
  readonly #trees: PackedTrees;
  readonly #name: Buffer;
  #answer: Answer = { mode: 0, id: '' };
  readonly #answerId = Buffer.alloc(20);

  constructor(name: string, trees: PackedTrees) {
    this.#name = encodePath(name);
    this.#trees = trees;
  }

  /** As `look`, for a tree in the last pack. */
  lookThere(tree: ObjectId): Answer | null | undefined {
    return this.#answerWith(this.#trees.find(tree, this.#name));
  }

  /**
   * The entry in a tree; null when it is missing. `undefined`: read the tree in the general way.
   * @throws CorruptObjectError
   */
  look({
    pack,
    offset,
  }: {
    readonly pack: PackBytes;
    readonly offset: number;
  }): Answer | null | undefined {
    return this.#answerWith(this.#trees.findAt(pack, offset, this.#name));
  }

  #answerWith(found: FoundEntry | null | undefined): Answer | null | undefined {
    if (found == null) return found;
    const mode = canonicalMode(found.mode);
    const { id } = found;
    if (mode !== this.#answer.mode || !id.equals(this.#answerId)) {
      this.#answer = { mode, id: id.toString('hex') };
      this.#answerId.set(id);
    }
    return this.#answer;
  }
}

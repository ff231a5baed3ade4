/**
 * The shortcuts of a bare repository: its commit-graph, its reachability bitmaps, the trees of its packs,
 * its shallow commits. Damaged ones are ignored, because the objects hold the same information.
 */
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { isSystemError } from '../../packs/objectFaults.ts';
import { openCommitGraph } from '../../shortcuts/commitGraphFiles.ts';
import { PackedTrees } from '../../shortcuts/packedTrees.ts';
import { TreeProbe } from '../../shortcuts/treeProbe.ts';
import type { CommitGraph, EntryProbe, HistoryShortcuts, ReachRecord } from '../../shortcuts.ts';
import type { ObjectPlaces } from './objectPlaces.ts';
import { ShallowFile } from './shallowFile.ts';

export class BareHistory implements HistoryShortcuts {
  readonly #places: ObjectPlaces;
  readonly #shallow: ShallowFile;
  /** `null` when they cannot be searched. */
  #trees: PackedTrees | null | undefined;
  /** `null`: there is none. */
  #graph: CommitGraph | null | undefined;

  constructor(places: ObjectPlaces, shallowPath: string) {
    this.#places = places;
    this.#shallow = new ShallowFile(shallowPath);
  }

  commitGraph(): CommitGraph | undefined {
    if (this.#graph === undefined) {
      // Shallow commits have absent parents, and a graph may be older than the shallow list.
      const isShallow = this.shallow().size > 0;
      const directories = this.#places.open().map(({ path }) => path);
      this.#graph = (isShallow ? undefined : openCommitGraph(directories)) ?? null;
    }
    return this.#graph ?? undefined;
  }

  entryProbe(name: string): EntryProbe {
    if (this.#trees === undefined) this.#trees = PackedTrees.open() ?? null;
    if (this.#trees === null) return () => undefined;
    const probe = new TreeProbe(name, this.#trees);
    return (tree) => {
      try {
        const there = probe.lookThere(tree);
        if (there !== undefined) return there;
        const place = this.#places.findFirst(tree);
        return place && probe.look(place);
      } catch (error) {
        if (!(error instanceof CorruptObjectError) && !isSystemError(error)) throw error;
        return undefined;
      }
    };
  }

  reachOf(commit: ObjectId): ReachRecord | undefined {
    for (const { packs } of this.#places.open()) {
      const reach = packs.reachOf(commit);
      if (reach !== undefined) return reach;
    }
    return undefined;
  }

  shallow(): ReadonlySet<ObjectId> {
    return this.#shallow.read();
  }
}

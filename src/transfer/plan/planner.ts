/**
 * The planner compares the sources with the destination and decides what a copy has to do. It is the
 * same for all directions. Executors carry the plan out; a dry run reports it.
 *
 * A file in the way of a directory is deleted, and so are the files of a directory in the way of a file.
 * With `delete`, files that no source covers (coverage.ts) are deleted too, inside the source directories.
 */
import { GitStoreError } from '../../errors.ts';
import { isTreeMode } from '../../git/objects/tree.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import { localError } from '../../systemFaults.ts';
import type { Entry } from '../rules/place.ts';
import type { CopyTask, Plan, PlannedFile } from './copyPlan.ts';
import { Coverage } from './coverage.ts';
import { Deletions } from './deletions.ts';
import { DestinationView } from './destinationView.ts';
import { Guard } from './guard.ts';
import { landingPath } from './sources.ts';

export async function planCopy<S extends Entry, D extends Entry>(
  task: CopyTask<S, D>,
): Promise<Plan<S, D>> {
  task.run.begin('scan', {});
  const planner = new Planner(task);
  const plan = await planner.plan();
  task.run.end();
  return plan;
}

class Planner<S extends Entry, D extends Entry> {
  readonly #task: CopyTask<S, D>;
  readonly #view: DestinationView<D>;
  readonly #coverage: Coverage<S, D>;
  readonly #guard: Guard<S, D>;
  readonly #deletions: Deletions<S, D>;

  constructor(task: CopyTask<S, D>) {
    this.#task = task;
    this.#view = new DestinationView(task.destination, (path, error) => {
      const shown = task.destination.show(path);
      task.run.fail(shown, localError(error, shown));
    });
    this.#coverage = new Coverage(task, this.#view);
    this.#guard = new Guard(task, this.#view, this.#coverage);
    this.#deletions = new Deletions(task, this.#view, this.#coverage, this.#guard);
  }

  async plan(): Promise<Plan<S, D>> {
    const { landings, base, deletes } = this.#task;
    for (const landing of landings) await this.#coverage.add(landing);
    const files = await this.#match();
    await this.#deletions.clearWay();
    if (deletes) {
      for (const { path, entry } of landings) {
        if (isTreeMode(entry.mode)) await this.#deletions.sweep(landingPath(base, path));
      }
    }
    const remark = this.#task.protection?.remark;
    if (remark !== undefined) this.#task.run.warn(this.#task.destination.show(''), remark);
    if (landings.length > 1) files.sort((a, b) => comparePaths(a.path, b.path));
    return {
      files,
      deletes: this.#deletions.deletes,
      vacated: this.#deletions.vacated,
      grafts: this.#coverage.grafts,
      hasSame: this.#coverage.hasSame,
    };
  }

  /** Compares the covered files with the destination. */
  async #match(): Promise<PlannedFile<S, D>[]> {
    const { run, destination, options } = this.#task;
    const files: PlannedFile<S, D>[] = [];
    let parent: string | undefined;
    let listing: ReadonlyMap<string, D> | undefined;
    let blocker: string | undefined;
    for (const [path, { from, source, tree }] of this.#coverage.covered) {
      if (run.tired) await run.rest();
      const slash = path.lastIndexOf('/');
      const above = slash < 0 ? '' : path.slice(0, slash);
      if (above !== parent) {
        parent = above;
        listing = await this.#view.listing(above);
        blocker = listing === undefined ? await this.#view.blocker(above) : undefined;
      }
      if (this.#view.isClosed(above)) continue;
      if (blocker !== undefined && (await this.#guard.protects(blocker, false))) {
        const shown = destination.show(blocker);
        const reason = 'in the way of a directory, and protected as left out';
        run.fail(shown, new GitStoreError(`${shown}: ${reason}`, 'EEXIST', { path: shown }));
        continue;
      }
      const existing = listing?.get(path.slice(slash + 1));
      if (options.ignoreExisting && (existing !== undefined || blocker !== undefined)) continue;
      if (blocker !== undefined && !this.#deletions.deletes.has(blocker)) {
        this.#deletions.replace(blocker, (await this.#view.entry(blocker))!);
      }
      if (existing !== undefined && !isTreeMode(existing.mode)) {
        if (await this.#guard.protects(path, false)) continue;
      }
      if (existing === undefined || !isTreeMode(existing.mode)) {
        if (existing !== undefined) this.#deletions.warnOfReplacing(path, existing);
        files.push({ path, from, source, tree, existing });
      } else if (await this.#deletions.clear(path)) {
        this.#deletions.vacated.push(path);
        files.push({ path, from, source, tree, existing: undefined });
      } else {
        const shown = destination.show(path);
        const reason = 'the directory in the way holds files that are excluded or cannot be seen';
        run.fail(shown, new GitStoreError(`${shown}: ${reason}`, 'EISDIR', { path: shown }));
      }
    }
    return files;
  }
}

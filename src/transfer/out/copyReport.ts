/** What a copy to disk has changed, by paths as a user gives them. */
import { comparePaths } from '../../git/pathBytes.ts';
import { ChangeReport, type FileEntry } from '../../tree/changes.ts';
import { joinPath } from '../../tree/paths.ts';
import { fileTypeOf } from '../../tree/types.ts';
import type { DiskDestination } from '../record/diskPlaces.ts';
import type { CopyRun } from '../rules/run.ts';
import type { DiskFile, DiskPlan } from './diskPlan.ts';

/** What became of the files of a plan. */
interface Outcome {
  isChanged(file: DiskFile): boolean;
  /** @param path in the destination, of a file in a directory that was copied as a whole */
  hasFailed(path: string): boolean;
}

/** @param removed in any order */
export function reportCopy(
  { files, grafts }: DiskPlan,
  removed: readonly FileEntry[],
  place: DiskDestination,
  { errors, warnings }: CopyRun,
  outcome: Outcome,
): ChangeReport {
  const report = new ChangeReport({ errors, warnings });
  for (const file of removed) report.delete.push(file);
  report.delete.sort((a, b) => comparePaths(a.path, b.path));
  for (const file of files) {
    if (!outcome.isChanged(file)) continue;
    const { path, from, source, existing } = file;
    const list = existing === undefined ? report.add : report.update;
    list.push({ path: place.show(path), type: fileTypeOf(source.mode), src: from });
  }
  for (const graft of grafts) {
    for (const { path, mode } of graft.files) {
      const target = joinPath(graft.path, path);
      if (outcome.hasFailed(target)) continue;
      const src = joinPath(graft.from, path);
      report.add.push({ path: place.show(target), type: fileTypeOf(mode), src });
    }
  }
  if (grafts.length > 0 && report.add.length > grafts[0]!.files.length) {
    report.add.sort((a, b) => comparePaths(a.path, b.path));
  }
  // Two threads write files, so errors come in no fixed order.
  report.errors.sort((a, b) => comparePaths(a.path, b.path));
  return report;
}

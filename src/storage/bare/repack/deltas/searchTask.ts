/** The delta search as a task that can be handed to a thread: plain values and shared memory. */

import { ObjectBytes, type PackHandle } from '../../inventory/objectBytes.ts';
import { ObjectTable, type TableColumns } from '../../inventory/objectTable.ts';
import { DeltaSearch, type SearchColumns, type SearchSettings, SpillFile } from './deltaSearch.ts';

export interface SearchTask {
  readonly search: SearchColumns;
  readonly table: TableColumns;
  readonly count: number;
  readonly packs: readonly PackHandle[];
  readonly objectsDirs: readonly string[];
  readonly settings: SearchSettings;
  readonly spillPath: string;
  /** The number of the spill file in results. */
  readonly file: number;
}

const BUDGET = { windows: 48 << 20, bases: 64 << 20 };

export interface RunningSearch {
  run(from: number, to: number): void;
  close(): void;
}

export function startSearch(task: SearchTask): RunningSearch {
  const { packs, objectsDirs } = task;
  const table = new ObjectTable(task.table, task.count);
  const bytes = new ObjectBytes({ table, packs, objectsDirs }, BUDGET);
  const spill = new SpillFile(task.spillPath);
  const search = new DeltaSearch(task.search, task.table, bytes, task.settings, spill, task.file);
  return { run: (from, to) => search.run(from, to), close: () => spill.close() };
}

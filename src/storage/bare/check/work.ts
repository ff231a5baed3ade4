/**
 * Checks a whole repository, as thoroughly as `git fsck --strict`: inflates and hashes every copy of every
 * object, checks its format and its links; compares the checksums of packs and indexes; and looks for the
 * object of every ref, reflog line, HEAD and index entry.
 */

import { join } from 'node:path';
import type { ObjectId } from '../../../git/objectId.ts';
import { namedBlobFaults } from '../../../git/objects/fsck.ts';
import { THREADS_READ_PACKS } from '../../../runtime.ts';
import { isErrno } from '../../disk/durable.ts';
import { existsSync } from '../../disk/fs.ts';
import type { CheckResult, StorageFault, UpkeepOptions } from '../../storageUpkeep.ts';
import { ObjectTable } from '../inventory/objectTable.ts';
import { readNames } from '../inventory/packSet.ts';
import { runOnThreads, threadCount } from '../inventory/threads.ts';
import type { UpkeepPlace } from '../inventory/upkeepPlace.ts';
import { listObjectDirectories } from '../objects/objectDirectories.ts';
import { BareObjects } from '../objects/objects.ts';
import {
  checkPackChecksum,
  closeChecked,
  type OpenedPack,
  openForCheck,
  readEntries,
} from './entries.ts';
import { checkLargeEntry } from './large.ts';
import { LooseCheck, listLooseFiles } from './loose.ts';
import {
  type BrokenLink,
  type CheckTask,
  type EntryColumns,
  type Found,
  PackCheck,
  type Stretch,
} from './packTask.ts';
import { reachedFrom } from './reached.ts';
import { checkRefs } from './refs.ts';
import { checkSideFiles } from './sideFiles.ts';

/** Set when the sources are bundled: worker.ts in one piece. */
declare const GITSTORE_CHECK_WORKER: string;

/** Delta trees handed to a thread at once. */
const STRETCH = 400;
/** Fewer entries are quicker checked here. */
const WORTH_THREADS = 3000;
const TRAILER = 20;
const ATTEMPTS = 5;

export async function checkRepository(
  place: UpkeepPlace,
  options: UpkeepOptions,
): Promise<CheckResult> {
  for (let attempt = 1; ; attempt++) {
    const opened: OpenedPack[] = [];
    try {
      return await new RepositoryCheck(place, options, opened).run();
    } catch (error) {
      // Another process has packed between our listing and opening of packs.
      if (!isErrno(error, 'ENOENT') || attempt === ATTEMPTS) throw error;
    } finally {
      closeChecked(opened);
    }
  }
}

class RepositoryCheck {
  readonly #place: UpkeepPlace;
  readonly #options: UpkeepOptions;
  readonly #packs: OpenedPack[];
  readonly #faults: StorageFault[] = [];
  readonly #seen = new Set<string>();
  readonly #broken: BrokenLink[] = [];
  readonly #named = new Map<number, Found['named'][number][1]>();
  #checked = 0;
  #total = 0;

  constructor(place: UpkeepPlace, options: UpkeepOptions, packs: OpenedPack[]) {
    this.#place = place;
    this.#options = options;
    this.#packs = packs;
  }

  async run(): Promise<CheckResult> {
    const { gitDir, refs } = this.#place;
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const objectsDirs = listObjectDirectories(join(gitDir, 'objects'));
    const report = this.#report;
    // Loose objects first: an object that is packed meanwhile is then found in the packs.
    const looseFiles = objectsDirs.map(listLooseFiles);
    for (const directory of objectsDirs) this.#openPacks(join(directory, 'pack'));
    const loose = looseFiles.reduce((sum, files) => sum + files.length, 0);
    const packed = this.#packs.reduce((sum, { index }) => sum + index.count, 0);
    this.#total = loose + packed;
    const table = ObjectTable.withRoom(this.#total);
    const entries = this.#packs.map((pack) => readEntries(table, pack, report));
    const looseCheck = new LooseCheck(table, objectsDirs, looseFiles, report);
    const task: CheckTask = {
      table: table.columns,
      count: table.count,
      packs: this.#packs.map(({ name, fd, size }) => ({ name, fd, end: size - TRAILER })),
      entries: entries.map(({ columns }) => columns),
      hasCrc: this.#packs.map(({ index }) => index.version > 1),
    };
    // Both end before the packs are closed, also where one fails.
    const parts = await Promise.allSettled([this.#checkPackFiles(), this.#checkEntries(task)]);
    for (const part of parts) if (part.status === 'rejected') throw part.reason;
    for (const [number, { large, columns }] of entries.entries()) {
      for (const at of large) await this.#checkLarge(table, number, columns, at);
    }
    await looseCheck.run(new PackCheck(task), this.#take, signal);

    const store = new BareObjects(gitDir, { durability: 'fast' });
    try {
      await this.#checkNamed(table, store);
      const promised = this.#findPromised();
      const isPresent = async (id: ObjectId) =>
        table.findId(id) !== -1 || promised.has(id) || store.has(id);
      const roots = await checkRefs(gitDir, refs, { table, isPresent }, report);
      if (this.#broken.length > 0) await this.#reportBroken(roots, promised, store);
      await checkSideFiles(objectsDirs, this.#packs, { table, isPresent }, report);
      return {
        objects: this.#checked,
        packs: this.#packs.length,
        refs: roots.refs,
        reflogEntries: roots.reflogEntries,
        promised: promised.size,
        faults: this.#faults,
      };
    } finally {
      await store.close();
    }
  }

  readonly #report = (subject: string, problem: string): void => {
    const line = `${subject}: ${problem}`;
    if (this.#seen.has(line)) return;
    this.#seen.add(line);
    this.#faults.push({ subject, problem });
  };

  readonly #take = (found: Found): void => {
    for (const [id, problem] of found.faults) this.#report(`object ${id}`, problem);
    for (const broken of found.broken) this.#broken.push(broken);
    for (const [object, kind] of found.named) this.#named.set(object, kind);
    this.#checked += found.checked;
    this.#options.onProgress?.({
      phase: 'check',
      objects: this.#checked,
      totalObjects: this.#total,
    });
  };

  #openPacks(packDir: string): void {
    const names = new Set(readNames(packDir));
    for (const name of names) {
      const base = name.slice(0, -'.idx'.length);
      if (!name.endsWith('.idx') || !names.has(`${base}.pack`)) continue;
      const pack = openForCheck(join(packDir, base), base, this.#report);
      if (pack !== undefined) this.#packs.push(pack);
    }
  }

  async #checkPackFiles(): Promise<void> {
    for (const pack of this.#packs) {
      await checkPackChecksum(pack, this.#report, this.#options.signal);
    }
  }

  async #checkEntries(task: CheckTask): Promise<void> {
    const { signal } = this.#options;
    const stretches: Stretch[] = [];
    for (const [pack, { roots }] of task.entries.entries()) {
      for (let from = 0; from < roots.length; from += STRETCH) {
        stretches.push({ pack, from, to: Math.min(roots.length, from + STRETCH) });
      }
    }
    if (THREADS_READ_PACKS && this.#total >= WORTH_THREADS) {
      const isDone = await runOnThreads<Stretch, Found>({
        source: GITSTORE_CHECK_WORKER,
        workerData: new Array(threadCount(stretches.length)).fill(task),
        pieces: stretches,
        signal,
        onDone: (_, found) => this.#take(found),
      });
      if (isDone) return;
    }
    const check = new PackCheck(task);
    for (const stretch of stretches) {
      signal?.throwIfAborted();
      this.#take(check.run(stretch));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #checkLarge(
    table: ObjectTable,
    number: number,
    columns: EntryColumns,
    place: number,
  ): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const id = table.idOf(columns.object[place]!);
    const pack = this.#packs[number]!;
    for (const problem of await checkLargeEntry(pack, columns, place, id)) {
      this.#report(`object ${id}`, problem);
    }
    this.#checked++;
  }

  /** Contents of .gitmodules and .gitattributes. */
  async #checkNamed(table: ObjectTable, store: BareObjects): Promise<void> {
    for (const [object, kind] of this.#named) {
      const id = table.idOf(object);
      try {
        const blob = await store.read(id);
        if (blob?.type !== 'blob') continue;
        for (const problem of namedBlobFaults(kind, blob.body)) {
          this.#report(`object ${id}`, problem);
        }
      } catch {
        // Its bytes are wrong, and reported as such.
      }
    }
  }

  /** A link that leads nowhere counts when it can be reached: garbage may refer to what is gone. */
  async #reportBroken(
    roots: { ids: ReadonlySet<ObjectId>; shallow: ReadonlySet<ObjectId> },
    promised: ReadonlySet<ObjectId>,
    store: BareObjects,
  ): Promise<void> {
    const broken = this.#broken.filter(
      ({ from, to, toType }) =>
        !promised.has(to) && !(toType === 'commit' && roots.shallow.has(from)),
    );
    if (broken.length === 0) return;
    const wanted = new Set(broken.map(({ from }) => from));
    const reached = await reachedFrom(roots.ids, wanted, store, this.#options.signal);
    for (const { from, fromType, to, toType } of broken) {
      if (!reached.has(from) || (await store.has(to))) continue;
      this.#report(`object ${to}`, `${toType} is missing; the ${fromType} ${from} refers to it`);
    }
  }

  /** What a partial clone may lack: that which objects from its remote refer to. */
  #findPromised(): Set<ObjectId> {
    const promised = new Set<ObjectId>();
    const packs = this.#packs.filter(({ path }) => existsSync(`${path}.promisor`));
    if (packs.length === 0) return promised;
    for (const { from, to } of this.#broken) {
      if (packs.some(({ index }) => index.find(from) !== undefined)) promised.add(to);
    }
    return promised;
  }
}

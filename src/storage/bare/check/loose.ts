/** Checks loose objects, of the repository and of its alternates. */

import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import { ID_LENGTH } from '../../../git/idTable.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { PackType } from '../../../git/packs/pack.ts';
import { isSystemError } from '../../../systemFaults.ts';
import { Inflater } from '../../../zlib/inflater.ts';
import { readFullySync } from '../../disk/durable.ts';
import { closeSync } from '../../disk/fs.ts';
import { Kind, type ObjectTable } from '../inventory/objectTable.ts';
import { readNames } from '../inventory/packSet.ts';
import { looseRegion, openLoose } from '../loose/loose.ts';
import { IN_PIECES } from './entries.ts';
import { largeBlobProblem } from './large.ts';
import type { Found, PackCheck } from './packTask.ts';
import { problemOf } from './problem.ts';

const TURN = 40;

export function listLooseFiles(objectsDir: string): ObjectId[] {
  const ids: ObjectId[] = [];
  for (let byte = 0; byte < 256; byte++) {
    const fanOut = byte.toString(16).padStart(2, '0');
    for (const name of readNames(join(objectsDir, fanOut))) {
      if (/^[0-9a-f]{38}$/.test(name)) ids.push(fanOut + name);
    }
  }
  return ids;
}

export class LooseCheck {
  readonly #objectsDirs: readonly string[];
  readonly #files: readonly (readonly ObjectId[])[];
  readonly #report: (subject: string, problem: string) => void;
  readonly #unreadable = new Set<string>();
  readonly #inflater = new Inflater();

  /** Adds the objects to the table, with their kinds. */
  constructor(
    table: ObjectTable,
    objectsDirs: readonly string[],
    files: readonly (readonly ObjectId[])[],
    report: (subject: string, problem: string) => void,
  ) {
    this.#objectsDirs = objectsDirs;
    this.#files = files;
    this.#report = report;
    const { kind } = table.columns;
    const bytes = Buffer.alloc(ID_LENGTH);
    for (const [i, directory] of objectsDirs.entries()) {
      for (const id of files[i]!) {
        bytes.write(id, 'hex');
        const object = table.add(bytes, 0);
        const known = this.#kindOf(directory, id);
        if (kind[object] === Kind.unknown && known !== undefined) kind[object] = known;
      }
    }
  }

  async run(
    check: PackCheck,
    take: (found: Found) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let turnEnds = performance.now() + TURN;
    for (const [i, directory] of this.#objectsDirs.entries()) {
      for (const id of this.#files[i]!) {
        const found = await this.#checkOne(directory, id, check);
        if (found !== undefined) take(found);
        if (performance.now() < turnEnds) continue;
        signal?.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
        turnEnds = performance.now() + TURN;
      }
    }
  }

  async #checkOne(directory: string, id: ObjectId, check: PackCheck): Promise<Found | undefined> {
    if (this.#unreadable.has(`${directory}:${id}`)) return undefined;
    const open = openLoose(directory, id);
    // Another process has packed it.
    if (open === undefined) return undefined;
    try {
      if (open.type === 'blob' && open.size > IN_PIECES) {
        const problem = await largeBlobProblem(looseRegion(open), open.headerLength, id);
        if (problem !== undefined) this.#report(`object ${id}`, problem);
        return { faults: [], broken: [], named: [], checked: 1 };
      }
      const { fd, type, size, headerLength, fileSize } = open;
      const file = Buffer.allocUnsafe(fileSize);
      const got = readFullySync(fd, file, fileSize, 0);
      const whole = headerLength + size;
      const output = Buffer.allocUnsafe(whole + 1);
      const inflated = this.#inflater.inflate(file, 0, got, whole, output);
      if (typeof inflated === 'string') {
        this.#report(`object ${id}`, 'its data does not inflate');
        return undefined;
      }
      if (inflated.consumed < got) this.#report(`object ${id}`, 'its file goes on behind its data');
      return check.checkObject(PackType[type], id, inflated.bytes.subarray(headerLength));
    } catch (error) {
      this.#fault(id, error);
      return undefined;
    } finally {
      closeSync(open.fd);
    }
  }

  #kindOf(directory: string, id: ObjectId): number | undefined {
    try {
      const open = openLoose(directory, id);
      if (open === undefined) return undefined;
      closeSync(open.fd);
      return PackType[open.type];
    } catch (error) {
      this.#unreadable.add(`${directory}:${id}`);
      this.#fault(id, error);
      return undefined;
    }
  }

  #fault(id: ObjectId, error: unknown): void {
    const { message } = error as Error;
    if (!(error instanceof CorruptObjectError || isSystemError(error))) throw error;
    const damage = message.replace(`object ${id} is corrupt: `, '');
    this.#report(`object ${id}`, problemOf(error, damage));
  }
}

/** Checks what only makes reading quicker: multi-pack-index and commit-graph. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import { parseGraphLayout } from '../../../git/commitGraph/commitGraph.ts';
import { ID_LENGTH } from '../../../git/idTable.ts';
import { MultiPackIndex } from '../../../git/packs/multiPackIndex.ts';
import { isErrno } from '../../disk/durable.ts';
import { existsSync, readFileSync } from '../../disk/fs.ts';
import { Kind } from '../inventory/objectTable.ts';
import type { OpenedPack } from './entries.ts';
import type { Presence } from './refs.ts';

const CHECKSUM_LENGTH = 20;

export async function checkSideFiles(
  objectsDirs: readonly string[],
  packs: readonly OpenedPack[],
  presence: Presence,
  report: (subject: string, problem: string) => void,
): Promise<void> {
  for (const directory of objectsDirs) {
    checkMultiPackIndex(join(directory, 'pack'), packs, report);
    const info = join(directory, 'info');
    await checkGraph(join(info, 'commit-graph'), 'commit-graph', presence, report);
    const chain = join(info, 'commit-graphs');
    const list = read(join(chain, 'commit-graph-chain'))?.toString('latin1') ?? '';
    for (const [hash] of list.matchAll(/^[0-9a-f]{40}$/gm)) {
      await checkGraph(join(chain, `graph-${hash}.graph`), `graph-${hash}.graph`, presence, report);
    }
  }
}

function checkMultiPackIndex(
  packDir: string,
  packs: readonly OpenedPack[],
  report: (subject: string, problem: string) => void,
): void {
  const name = 'multi-pack-index';
  const file = join(packDir, name);
  const bytes = read(file);
  if (bytes === undefined) return;
  /** Another process may have packed the objects anew since the packs were opened. */
  const isNow = (): boolean => read(file)?.equals(bytes) === true;
  try {
    const multi = MultiPackIndex.parse(bytes, name);
    multi.verifyChecksum();
    const paths = multi.packNames.map((one) => join(packDir, one.replace(/\.(idx|pack)$/, '')));
    const covered = paths.map((path) => packs.find((one) => one.path === path));
    // A pack that is there and not open is broken, which is reported, or has come since.
    const missing = multi.packNames.filter(
      (_, i) => covered[i] === undefined && !isThere(paths[i]!),
    );
    if (missing.length > 0 && !isNow()) return;
    for (const packName of missing) report(name, `names ${packName}, which is missing`);
    for (let row = 0; row < multi.count; row++) {
      const id = multi.idAt(row);
      const found = multi.find(id)!;
      const pack = covered[found.pack];
      if (pack === undefined) continue;
      const own = pack.index.find(id);
      if (own?.offset !== found.offset) {
        report(name, `has another place for ${id} than the index of ${pack.name}`);
      }
    }
  } catch (error) {
    if (!isOfDamage(error)) throw error;
    report(name, error.message.replace(`${name} is corrupt: `, ''));
  }
}

async function checkGraph(
  path: string,
  name: string,
  { table, isPresent }: Presence,
  report: (subject: string, problem: string) => void,
): Promise<void> {
  const bytes = read(path);
  if (bytes === undefined) return;
  const body = bytes.subarray(0, -CHECKSUM_LENGTH);
  const sum = createHash('sha1').update(body).digest();
  if (bytes.toString('latin1', 0, 4) !== 'CGPH' || !sum.equals(bytes.subarray(-CHECKSUM_LENGTH))) {
    report(name, 'its checksum does not fit');
    return;
  }
  try {
    const { chunks } = parseGraphLayout(bytes, bytes.length);
    const ids = chunks.get('OIDL');
    for (let at = ids?.start ?? 0; at + ID_LENGTH <= (ids?.end ?? 0); at += ID_LENGTH) {
      const object = table.find(bytes, at);
      const kind = table.columns.kind[object] ?? Kind.unknown;
      if (kind === Kind.commit) continue;
      const id = bytes.toString('hex', at, at + ID_LENGTH);
      // Also of an object that was packed between being listed and being looked at.
      if (kind !== Kind.unknown) report(name, `names ${id}, which is no commit`);
      else if (!(await isPresent(id))) report(name, `names ${id}, which is missing`);
    }
  } catch (error) {
    if (!isOfDamage(error)) throw error;
    report(name, error.message);
  }
}

function isThere(pack: string): boolean {
  return existsSync(`${pack}.idx`) && existsSync(`${pack}.pack`);
}

/** Whether a parser met bytes that make no sense, or numbers in them that lead outside the file. */
function isOfDamage(error: unknown): error is Error {
  return error instanceof CorruptObjectError || error instanceof RangeError;
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

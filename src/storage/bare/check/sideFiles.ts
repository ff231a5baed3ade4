/** Checks what only makes reading quicker: multi-pack-index and commit-graph. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import { MultiPackIndex } from '../../../git/multiPackIndex.ts';
import { isErrno } from '../durable.ts';
import type { OpenedPack } from './entries.ts';

const CHECKSUM_LENGTH = 20;

export function checkSideFiles(
  objectsDirs: readonly string[],
  packs: readonly OpenedPack[],
  report: (subject: string, problem: string) => void,
): void {
  for (const directory of objectsDirs) {
    checkMultiPackIndex(join(directory, 'pack'), packs, report);
    const info = join(directory, 'info');
    checkTrailer(join(info, 'commit-graph'), 'commit-graph', report);
    const chain = join(info, 'commit-graphs');
    const list = read(join(chain, 'commit-graph-chain'))?.toString('latin1') ?? '';
    for (const [hash] of list.matchAll(/^[0-9a-f]{40}$/gm)) {
      checkTrailer(join(chain, `graph-${hash}.graph`), `graph-${hash}.graph`, report);
    }
  }
}

function checkMultiPackIndex(
  packDir: string,
  packs: readonly OpenedPack[],
  report: (subject: string, problem: string) => void,
): void {
  const bytes = read(join(packDir, 'multi-pack-index'));
  if (bytes === undefined) return;
  const name = 'multi-pack-index';
  try {
    const multi = MultiPackIndex.parse(bytes, name);
    multi.verifyChecksum();
    const covered = multi.packNames.map((file) => {
      const path = join(packDir, file.replace(/\.(idx|pack)$/, ''));
      const pack = packs.find((one) => one.path === path);
      if (pack === undefined) report(name, `names ${file}, which is missing or broken`);
      return pack;
    });
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
    if (!(error instanceof CorruptObjectError)) throw error;
    report(name, error.message.replace(`${name} is corrupt: `, ''));
  }
}

function checkTrailer(
  path: string,
  name: string,
  report: (subject: string, problem: string) => void,
): void {
  const bytes = read(path);
  if (bytes === undefined) return;
  const body = bytes.subarray(0, -CHECKSUM_LENGTH);
  const sum = createHash('sha1').update(body).digest();
  if (bytes.toString('latin1', 0, 4) !== 'CGPH' || !sum.equals(bytes.subarray(-CHECKSUM_LENGTH))) {
    report(name, 'its checksum does not fit');
  }
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Checks of results. Each throws when the result is not what it must be. */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles } from './input.mjs';
import { assertEqual, output } from './measure.mjs';

/** `git fsck --strict` finds nothing. Unreachable objects are no fault. */
export function checkFsck(store) {
  const report = output('git', ['--git-dir', store, 'fsck', '--strict', '--no-dangling']);
  assertEqual(report.trim(), '', `git fsck of ${store}`);
}

export function treeOf(store, ref = 'HEAD') {
  return output('git', ['--git-dir', store, 'rev-parse', `${ref}^{tree}`]).trim();
}

/** Loose objects and packs in a store, and their size in bytes. */
export function countObjects(store) {
  const lines = output('git', ['--git-dir', store, 'count-objects', '-v']).trim().split('\n');
  const counts = Object.fromEntries(lines.map((line) => line.split(': ')));
  return {
    loose: Number(counts.count),
    packs: Number(counts.packs),
    garbage: Number(counts.garbage),
    bytes: (Number(counts.size) + Number(counts['size-pack'])) * 1024,
  };
}

/** Two folders hold the same names, bytes, link targets and, with `modes`, executable bits. */
export function checkSameFolders(actual, expected, { modes = true } = {}) {
  const paths = listFiles(expected).sort();
  assertEqual(listFiles(actual).sort().join('\n') === paths.join('\n'), true, 'same file names');
  for (const path of paths) {
    const a = lstatSync(join(actual, path));
    const b = lstatSync(join(expected, path));
    assertEqual(a.isSymbolicLink(), b.isSymbolicLink(), `${path} is a link`);
    if (b.isSymbolicLink()) {
      assertEqual(
        readlinkSync(join(actual, path)),
        readlinkSync(join(expected, path)),
        `target of ${path}`,
      );
    } else {
      const isExecutable = (b.mode & 0o100) !== 0;
      if (modes) assertEqual((a.mode & 0o100) !== 0, isExecutable, `${path} is executable`);
      const same = readFileSync(join(actual, path)).equals(readFileSync(join(expected, path)));
      assertEqual(same, true, `${path} has the same bytes`);
    }
  }
}

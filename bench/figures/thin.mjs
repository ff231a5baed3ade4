/**
 * 40,000 checkpoints of a folder of 10,000 files, thinned to the newest 500 and collected, beside `git gc`
 * of the same store; and the size of what is left beside that of a new store with these 500.
 */
import { cpSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkFsck } from '../lib/check.mjs';
import { assertEqual, output, pair, timeGit, timeGitstore, withScratch } from '../lib/measure.mjs';
import { randomNumbers } from '../lib/random.mjs';
import { ratioRow } from '../lib/table.mjs';

export const order = 42.5;
export const name = 'thin';
export const title = 'thin of 40,000 checkpoints to 500 and gc / git gc';

const CHECKPOINTS = 40_000;
const KEPT = 500;
const DIRECTORIES = 100;
const FILES = 100;

export async function run({ runs = 3 }, emit) {
  await withScratch(async (scratch) => {
    const source = join(scratch, 'source.git');
    await timeGitstore(['-r', source, 'init', '-b', 'main']);
    output('git', ['--git-dir', source, 'fast-import', '--quiet', '--force'], { input: stream() });
    output('git', ['--git-dir', source, 'gc', '-q']);
    const copyTo = (target) => {
      rmSync(target, { recursive: true, force: true });
      cpSync(source, target, { recursive: true });
      return target;
    };
    const [ours, rival] = [join(scratch, 'ours.git'), join(scratch, 'rival.git')];
    const thinned = await pair(
      runs,
      async () => {
        copyTo(ours);
        const thin = await timeGitstore(['-r', ours, 'thin', '--keep-last', String(KEPT)]);
        return thin + (await timeGitstore(['-r', ours, 'gc', '--prune=now']));
      },
      () => timeGit(['--git-dir', copyTo(rival), 'gc', '-q']),
    );
    emit(
      ratioRow(
        `thin of ${CHECKPOINTS} checkpoints to ${KEPT}, and gc`,
        thinned,
        'ms',
        2,
        'rival: git gc of all of them',
      ),
    );
    const count = output('git', ['--git-dir', ours, 'rev-list', '--count', 'main']);
    assertEqual(Number(count), KEPT, 'snapshots that are left');
    checkFsck(ours);
    const fresh = join(scratch, 'fresh.git');
    output('git', ['clone', '-q', '--bare', '--no-local', ours, fresh]);
    output('git', ['--git-dir', fresh, 'gc', '-q']);
    const sizes = { ours: packBytes(ours), rival: packBytes(fresh) };
    sizes.ratio = sizes.ours / sizes.rival;
    emit(ratioRow('the packs that are left', sizes, 'MB', 1.15, 'rival: a new store with these'));
  });
}

function stream() {
  const random = randomNumbers(42);
  const below = (limit) => Math.floor(random() * limit);
  const parts = [];
  const texts = new Map();
  const put = (file) => {
    const lines = texts.get(file) ?? Array.from({ length: 30 }, (_, i) => `line ${i} of ${file}`);
    lines[below(lines.length)] = `changed to ${below(1e9)}`;
    texts.set(file, lines);
    const text = `${lines.join('\n')}\n`;
    const path = `dir${Math.floor(file / FILES)}/file${file % FILES}`;
    parts.push(`M 100644 inline ${path}\ndata ${text.length}\n${text}\n`);
  };
  for (let commit = 0; commit < CHECKPOINTS; commit++) {
    const message = `Checkpoint ${commit}`;
    parts.push(
      `commit refs/heads/main\ncommitter bench <bench@localhost> ${1_700_000_000 + 60 * commit} +0000\n`,
      `data ${message.length}\n${message}\n`,
    );
    if (commit === 0) for (let file = 0; file < DIRECTORIES * FILES; file++) put(file);
    else for (let i = below(3); i >= 0; i--) put(below(DIRECTORIES * FILES));
  }
  return parts.join('');
}

function packBytes(store) {
  const folder = join(store, 'objects/pack');
  const packs = readdirSync(folder).filter((file) => file.endsWith('.pack'));
  return packs.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0) / 1e6;
}

/**
 * A deep and wide history, as a large project's: tens of thousands of commits, thousands of files in
 * hundreds of directories, edits that change a few lines, files that come, go and move, merges of
 * side branches, light and annotated tags. The same objects every time; made once with
 * `git fast-import` and kept in the cache folder.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './input.mjs';
import { environment } from './measure.mjs';
import { randomNumbers } from './random.mjs';

/** Raise it when what is made changes. */
const VERSION = 1;

/**
 * A bare repository: branch `main`, tags `v0`, `v1`, …, one pack with deltas as `git repack -adf`
 * makes them, packed refs, no commit-graph. Shared: figures that change it copy it first.
 * @returns path of the repository
 */
export async function deepHistory({ commits = 40_000, files = 5_000 } = {}) {
  const path = join(cacheFolder(), `history-${VERSION}-${commits}-${files}.git`);
  if (existsSync(path)) return path;
  console.error(`Making a history of ${commits} commits…`);
  const draft = `${path}.tmp-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  git(['init', '-q', '--bare', '-b', 'main', draft]);
  await importHistory(draft, { commits, files });
  git(['--git-dir', draft, 'repack', '-a', '-d', '-f', '-q', '--window=10', '--depth=50']);
  git(['--git-dir', draft, 'pack-refs', '--all']);
  try {
    renameSync(draft, path);
  } catch (error) {
    // Somebody else was faster: theirs holds the same.
    if (!existsSync(path)) throw error;
    rmSync(draft, { recursive: true });
  }
  return path;
}

function git(args) {
  execFileSync('git', args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function importHistory(repository, size) {
  const args = ['--git-dir', repository, 'fast-import', '--quiet', '--date-format=raw'];
  const child = spawn('git', args, { env: environment, stdio: ['pipe', 'ignore', 'inherit'] });
  const closed = once(child, 'close');
  for (const part of historyStream(size)) {
    if (!child.stdin.write(part)) await Promise.race([once(child.stdin, 'drain'), closed]);
    if (child.exitCode !== null) break;
  }
  child.stdin.end();
  const [code] = await closed;
  if (code !== 0) throw new Error(`git fast-import: exit ${code}`);
}

/** The history as input of git-fast-import(1), in parts. */
export function* historyStream({ commits, files: fileCount }) {
  const random = randomNumbers(20_240_531);
  const below = (n) => Math.floor(random() * n);
  const pick = (list) => list[below(list.length)];
  /** The first ones more often than the last, as some files of a project change all the time. */
  const pickSkewed = (list) => list[Math.floor(list.length * random() ** 2.5)];

  const directories = makeDirectories(Math.max(4, Math.round(fileCount / 16)), pick, below);
  /** Directory → its files, each with its name and its lines. */
  const tree = new Map(directories.map((directory) => [directory, []]));
  const line = () => {
    const words = Array.from({ length: 2 + below(6) }, () => pick(WORDS));
    const depth = '  '.repeat(below(4));
    return `${depth}${pick(OPENINGS)}${words.join(pick(JOINTS))}${pick(ENDINGS)}`;
  };
  const newFile = () => ({
    name: `${pick(WORDS)}${pick(WORDS)[0].toUpperCase()}${below(1000)}${pick(EXTENSIONS)}`,
    mode: below(50) === 0 ? '100755' : '100644',
    lines: Array.from({ length: 10 + below(90) }, line),
  });

  const put = (directory, { name, mode, lines }) => {
    const text = Buffer.from(`${lines.join('\n')}\n`);
    return [`M ${mode} inline ${directory}${name}\ndata ${text.length}\n`, text, '\n'];
  };
  const edit = (directory, file) => {
    for (let hunks = 1 + below(3); hunks > 0; hunks--) {
      const at = below(file.lines.length);
      const fresh = Array.from({ length: below(5) }, line);
      file.lines.splice(at, below(4), ...fresh);
    }
    file.lines.push(line());
    if (file.lines.length > 300) file.lines.splice(below(200), 40);
    return put(directory, file);
  };

  let mark = 0;
  let time = 1_400_000_000;
  const commit = (branch, from, changes, { merge, message } = {}) => {
    mark += 1;
    time += 60 + below(9000);
    const author = pick(AUTHORS);
    const written = time - below(4000);
    const text = Buffer.from(message ?? newMessage(pick, below));
    return [
      `commit refs/heads/${branch}\nmark :${mark}\n`,
      `author ${author} ${written} ${pick(ZONES)}\n`,
      `committer ${below(4) === 0 ? pick(AUTHORS) : author} ${time} ${pick(ZONES)}\n`,
      `data ${text.length}\n`,
      text,
      `\n${from === 0 ? '' : `from :${from}\n`}${merge === undefined ? '' : `merge :${merge}\n`}`,
      ...changes,
      '\n',
    ];
  };

  // The first commit brings a fifth of the files, the others come one by one.
  const first = [];
  for (let i = 0; i < fileCount / 5; i++) {
    const directory = directories[i % directories.length];
    const file = newFile();
    tree.get(directory).push(file);
    first.push(...put(directory, file));
  }
  yield* commit('main', 0, first, { message: 'Import the sources\n' });
  let tip = mark;
  let count = fileCount / 5;
  const growth = (fileCount - count) / commits;
  let tags = 0;
  /** A side branch: it alone touches its directory until it is merged. */
  let side;

  while (mark < commits) {
    if (side !== undefined && (side.left === 0 || mark === commits - 1)) {
      const changes = tree.get(side.directory).flatMap((file) => put(side.directory, file));
      const message = `Merge branch 'topic-${side.tip}'\n`;
      yield* commit('main', tip, changes, { merge: side.tip, message });
      tip = mark;
      side = undefined;
    } else if (side !== undefined && below(3) === 0) {
      const file = pick(tree.get(side.directory));
      yield* commit('topic', side.tip, edit(side.directory, file));
      side.tip = mark;
      side.left -= 1;
    } else {
      if (side === undefined && mark < commits - 20 && below(25) === 0) {
        const directory = pick(directories);
        if (tree.get(directory).length > 0) side = { directory, tip, left: 1 + below(6) };
      }
      const changes = [];
      if (count < fileCount && random() < growth * 1.2) {
        const directory = pickSkewed(directories);
        if (directory !== side?.directory) {
          const file = newFile();
          tree.get(directory).push(file);
          changes.push(...put(directory, file));
          count += 1;
        }
      }
      for (let edits = 1 + below(3); edits > 0; edits--) {
        const directory = pickSkewed(directories);
        const list = tree.get(directory);
        if (directory === side?.directory || list.length === 0) continue;
        const what = below(200);
        const file = pickSkewed(list);
        if (what === 0 && list.length > 2) {
          changes.push(`D ${directory}${file.name}\n`);
          list.splice(list.indexOf(file), 1);
          count -= 1;
        } else if (what === 1) {
          changes.push(`D ${directory}${file.name}\n`);
          file.name = newFile().name;
          changes.push(...put(directory, file));
        } else {
          changes.push(...edit(directory, file));
        }
      }
      if (changes.length === 0) continue;
      yield* commit('main', tip, changes);
      tip = mark;
    }
    if (tip === mark && mark >= (tags + 1) * (commits / 40)) {
      const name = `v${tags++}`;
      yield tags % 2 === 0
        ? `tag ${name}\nfrom :${tip}\ntagger ${AUTHORS[0]} ${time} +0000\ndata 13\nRelease it.\n\n\n`
        : `reset refs/tags/${name}\nfrom :${tip}\n\n`;
    }
  }
  yield 'reset refs/heads/topic\nfrom 0000000000000000000000000000000000000000\n\ndone\n';
}

/** Paths with a '/' at their end; '' is the root. The first ones change most. */
function makeDirectories(count, pick, below) {
  const found = new Set(['src/core/', '']);
  const known = [...found];
  const tops = WORDS.slice(0, Math.min(30, count));
  while (found.size < count) {
    const parent = below(3) === 0 ? `${pick(tops)}/` : pick(known);
    if (parent === '' || parent.split('/').length > 5) continue;
    const path = `${parent}${pick(WORDS)}/`;
    for (const directory of [parent, path]) {
      if (found.size === count || found.has(directory)) continue;
      found.add(directory);
      known.push(directory);
    }
  }
  return known;
}

function newMessage(pick, below) {
  const words = (n) => Array.from({ length: n }, () => pick(WORDS)).join(' ');
  const subject = `${pick(WORDS)}: ${words(3 + below(5))}`;
  if (below(3) > 0) return `${subject}\n`;
  const lines = Array.from({ length: 1 + below(8) }, () => words(6 + below(5)));
  return `${subject}\n\n${lines.join('\n')}\n\nSigned-off-by: ${pick(AUTHORS)}\n`;
}

const WORDS =
  `src lib core net drivers kernel tools docs tests include fs mm arch sound crypto block security
  init scripts samples certs virt firmware usb pci video audio input output buffer cache queue list
  tree node entry index table map hash lock mutex thread task event timer signal socket packet frame
  page slab zone region segment offset length count size limit bound range step state flag mask bit
  byte word field record header body footer parse format encode decode read write open close seek
  flush sync copy move swap merge split join filter sort search find match replace insert remove
  append update delete create destroy start stop pause resume retry cancel commit abort begin end
  first last next prev parent child root leaf branch path name key value pair item element group set
  token config option default error warning result status device driver handler callback context`.split(
    /\s+/,
  );
const OPENINGS = ['', '', 'if (', 'return ', 'const ', 'static int ', '// ', '* ', 'for (', '#'];
const JOINTS = [' ', '_', '.', ', ', ' = ', '->', ' + ', ' && '];
const ENDINGS = [';', ';', ' {', '}', ')', ',', '', ' */'];
const EXTENSIONS = ['.c', '.c', '.h', '.js', '.ts', '.md', '.txt', '.json', ''];
const ZONES = ['+0000', '+0000', '+0200', '-0700', '+0530', '-0330', '+0900'];
const AUTHORS = Array.from(
  { length: 60 },
  (_, i) => `${WORDS[i + 20]} ${WORDS[i + 70]} <${WORDS[i + 20]}.${i}@example.org>`,
);

/**
 * A deep and wide history, shaped like git.git's own: tens of thousands of commits of which three in
 * ten are first parents, most of those merges of topics with messages of 300 to 1,500 bytes, authors
 * and zones that vary, thousands of files in hundreds of directories, edits that change a few lines,
 * files that come, go and move, light and annotated tags. The same objects every time; made once
 * with `git fast-import`, packed by `git gc` and kept in the cache folder.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './input.mjs';
import { environment } from './measure.mjs';
import { randomNumbers } from './random.mjs';

/** Raise it when what is made changes. */
const VERSION = 2;

/**
 * A bare repository: branch `main`, tags `v0`, `v1`, …, one pack as `git gc` makes it with deltas
 * computed anew (commits too are deltas of each other), packed refs, no commit-graph. Shared: figures that change it copy it first.
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
  // fast-import makes poor deltas, which a plain `git gc` would keep.
  git(['--git-dir', draft, 'repack', '-a', '-d', '-f', '-q', '--window=10', '--depth=50']);
  git(['--git-dir', draft, '-c', 'gc.writeCommitGraph=false', 'gc', '--quiet']);
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
  /** Topics under way: each alone touches its directory until it is merged. */
  const topics = [];
  const said = [];
  let topicCount = 0;

  /** An edit of a file, or now and then its end, its move, or a new one; a topic takes note of it. */
  const change = (directory, topic) => {
    const list = tree.get(directory);
    if (count < fileCount && (list.length === 0 || random() < growth * 1.2)) {
      const file = newFile();
      list.push(file);
      topic?.touched.add(file);
      count += 1;
      return put(directory, file);
    }
    if (list.length === 0) return [];
    const file = pickSkewed(list);
    topic?.touched.add(file);
    const what = below(200);
    if (what > 1 || list.length < 3) return edit(directory, file);
    const removal = `D ${directory}${file.name}\n`;
    topic?.removed.add(`${directory}${file.name}`);
    if (what === 0) {
      list.splice(list.indexOf(file), 1);
      count -= 1;
      return [removal];
    }
    file.name = newFile().name;
    return [removal, ...put(directory, file)];
  };
  const isFree = (directory) => topics.every((topic) => topic.directory !== directory);
  const begin = () => {
    const directory = pickSkewed(directories);
    if (!isFree(directory)) return;
    topics.push({
      directory,
      name: `${pick(WORDS).slice(0, 2)}/${pick(WORDS)}-${pick(WORDS)}-${topicCount++}`,
      tip,
      left: 1 + Math.floor(7 * random() ** 2),
      touched: new Set(),
      removed: new Set(),
    });
  };

  while (mark < commits) {
    const isLast = commits - mark <= topics.length;
    const done = topics.findIndex(({ left }) => left <= 0 || isLast);
    if (done >= 0 && (isLast || below(2) === 0)) {
      const [topic] = topics.splice(done, 1);
      // Removals first: a name may have come back.
      const changes = [
        ...Array.from(topic.removed, (path) => `D ${path}\n`),
        ...tree
          .get(topic.directory)
          .filter((file) => topic.touched.has(file))
          .flatMap((file) => put(topic.directory, file)),
      ];
      yield* commit('main', tip, changes, {
        merge: topic.tip,
        message: mergeMessage(topic.name, said, pick, below),
      });
      tip = mark;
    } else if (!isLast && topics.length < 12 && below(4) === 0) {
      begin();
    } else if (topics.length > 0 && below(8) > 0) {
      const topic = pick(topics);
      if (topic.left <= 0) continue;
      const changes = change(topic.directory, topic);
      if (changes.length === 0) {
        topic.left = 0;
        continue;
      }
      yield* commit('topic', topic.tip, changes);
      topic.tip = mark;
      topic.left -= 1;
    } else {
      const changes = [];
      for (let edits = 1 + below(2); edits > 0; edits--) {
        const directory = pickSkewed(directories);
        if (isFree(directory)) changes.push(...change(directory));
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

/**
 * 300 to 1,500 bytes, as a maintainer writes them: what the topic does, and who looked at it. A third
 * repeats an earlier one, as where a topic is merged twice: many of those become deltas.
 */
function mergeMessage(topic, said, pick, below) {
  let text = below(3) === 0 && said.length > 0 ? pick(said.slice(-8)) : undefined;
  if (text === undefined) {
    const words = (n) => Array.from({ length: n }, () => pick(WORDS)).join(' ');
    const lines = [];
    let size = 0;
    for (const most = 250 + below(1000); size < most; size += lines.at(-1).length + 1) {
      lines.push(`${below(6) === 0 ? '* ' : ''}${words(6 + below(6))}`);
    }
    for (let people = below(4); people > 0; people--) lines.push(`  Acked-by: ${pick(AUTHORS)}`);
    text = `Merge branch '${topic}'\n\n${lines.join('\n')}\n`;
    said.push(text);
  }
  return text;
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

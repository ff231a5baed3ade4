/** The tour: what people do with gitstore, step by step, on one runtime. scripts/runtimes.mjs calls it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const TIMEOUT = 60_000;

/** Environment of a user who has set nothing. */
function environment(folder) {
  const env = { ...process.env, HOME: folder, USERPROFILE: folder, GIT_CONFIG_NOSYSTEM: '1' };
  for (const name of Object.keys(env)) if (/^(GITSTORE|VOST)_/.test(name)) delete env[name];
  delete env.XDG_CACHE_HOME;
  return env;
}

function equal(actual, expected) {
  if (actual !== expected) {
    throw new Error(`got ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
  }
}

function holds(text, part) {
  if (!text.includes(part))
    throw new Error(`${JSON.stringify(text.slice(0, 500))} holds no ${JSON.stringify(part)}`);
}

/**
 * @param command what runs a script on the runtime; undefined for a program that is an executable file
 * @param folder holds the package in its node_modules; the tour works in a folder of its own in it
 * @param executableFile the program, where it is one file
 */
export async function tour(name, command, folder, executableFile) {
  const work = join(folder, name);
  mkdirSync(work, { recursive: true });
  const env = environment(work);
  const script = join(folder, 'node_modules', 'gitstore', 'dist', 'cli.cjs');
  const [executable, ...run] = command ? [...command, script] : [executableFile];
  const options = {
    cwd: work,
    env,
    encoding: 'utf8',
    timeout: TIMEOUT,
    maxBuffer: 64 << 20,
    stdio: 'pipe',
  };
  const start = (...args) => [executable, [...run, '-r', ...args]];
  const gitstoreOn = (repository, input, ...args) => {
    const [file, all] = start(repository, ...args);
    return execFileSync(file, all, { ...options, input });
  };
  const gitstore = (...args) => gitstoreOn('store.git', '', ...args);
  const gitOn = (repository, ...args) =>
    execFileSync('git', [`--git-dir=${repository}`, ...args], options);
  const git = (...args) => gitOn('store.git', ...args);
  const write = (path, text) => {
    mkdirSync(join(work, dirname(path)), { recursive: true });
    writeFileSync(join(work, path), text);
  };
  const read = (path) => readFileSync(join(work, path), 'utf8');

  const counts = { passed: 0, failed: 0 };
  const passed = () => counts.passed++;
  const failed = (what, why) => {
    counts.failed++;
    console.log(`FAIL ${name}: ${what}\n${why}`);
  };
  const step = async (what, body) => {
    try {
      await body();
      passed();
    } catch (error) {
      failed(what, `${error.stderr ?? ''}${error.message}`);
    }
  };

  write('files/hello.txt', 'hello\n');
  write('files/sub/deep.txt', 'deep\n');
  for (let i = 0; i < 150; i++) write(`files/many/${i % 7}/f${i}.txt`, `${i} `.repeat(i));
  write('files/large.bin', Buffer.alloc(3 << 20, 'large and larger '));
  write('files/ümläut ☃.txt', 'snow\n');

  await step('init', () => {
    gitstore('init');
    equal(git('symbolic-ref', 'HEAD'), 'refs/heads/main\n');
  });
  await step('cp into the store', () => {
    gitstore('cp', 'files', ':');
    equal(gitstore('ls', '-R').split('\n').length, 155);
  });
  await step('cat', () => equal(gitstore('cat', 'files/sub/deep.txt'), 'deep\n'));
  await step('cp out of it', () => {
    gitstore('cp', ':files/', 'out');
    equal(read('out/ümläut ☃.txt'), 'snow\n');
    equal(read('out/large.bin'), read('files/large.bin'));
    equal(readdirSync(join(work, 'out'), { recursive: true }).length, 163);
  });
  await step('sync with a change, an addition and a deletion', () => {
    gitstore('sync', 'files', ':files');
    write('files/hello.txt', 'hello again\n');
    write('files/new.txt', 'new\n');
    rmSync(join(work, 'files/many/1/f1.txt'));
    equal(
      gitstore('sync', '-n', 'files', ':files'),
      '~ :files/hello.txt\n- :files/many/1/f1.txt\n+ :files/new.txt\n',
    );
    gitstore('sync', 'files', ':files');
    equal(gitstore('cat', 'files/hello.txt'), 'hello again\n');
    equal(gitstore('sync', '-n', 'files', ':files'), '');
  });
  await step('sync out', () => {
    write('out/extra.txt', 'extra');
    gitstore('sync', ':files', 'out');
    equal(read('out/new.txt'), 'new\n');
    if (readdirSync(join(work, 'out')).includes('extra.txt')) throw new Error('extra.txt is there');
  });
  await step('write from standard input', () => {
    gitstoreOn('store.git', 'a note\n', 'write', 'note.txt');
    equal(gitstore('cat', 'note.txt'), 'a note\n');
  });
  await step('undo and redo', () => {
    gitstore('undo');
    equal(gitstore('ls'), 'files\n');
    gitstore('redo');
    equal(gitstore('ls'), 'files\nnote.txt\n');
  });
  await step('mv and rm', () => {
    gitstore('mv', ':note.txt', ':notes/first.txt');
    gitstore('rm', ':files/new.txt');
    equal(gitstore('ls', 'notes'), 'first.txt\n');
  });
  await step('a branch', () => {
    gitstore('branch', 'set', 'dev');
    gitstoreOn('store.git', 'dev\n', 'write', '-b', 'dev', 'dev.txt');
    equal(gitstore('branch'), 'dev\nmain\n');
  });
  await step('a tag', () => {
    gitstore('tag', 'set', 'v1');
    equal(gitstore('tag'), 'v1\n');
    equal(gitstore('hash', 'v1'), gitstore('hash', 'main'));
  });
  await step('a note', () => {
    gitstore('note', 'set', 'v1', 'checked');
    equal(gitstore('note', 'get', 'v1'), 'checked\n');
  });
  await step('merge', () => {
    gitstore('rm', ':notes/first.txt');
    gitstore('merge', 'dev');
    equal(gitstore('ls'), 'dev.txt\nfiles\n');
  });
  await step('log', () => holds(gitstore('log'), 'Merge branch'));
  await step('diff', () => {
    equal(gitstore('diff', 'v1'), 'A  dev.txt\nD  notes/first.txt\n');
    holds(gitstore('diff', '--patch', 'v1'), '+dev');
  });
  await step('grep and blame', () => {
    equal(gitstore('grep', 'again'), 'files/hello.txt:1:hello again\n');
    holds(gitstore('grep', '--all', 'hello'), 'hello.txt');
    holds(gitstore('blame', 'files/hello.txt'), 'hello again');
  });
  await step('find in the history', () => holds(gitstore('find', '--all', 'f1.txt'), 'f1.txt'));
  for (const type of ['zip', 'tar.gz', 'tar.xz', 'tar.bz2', 'tar.zst']) {
    await step(`archive ${type}`, () => {
      const archive = `all.${type}`;
      gitstore(type === 'zip' ? 'zip' : 'tar', archive);
      gitstore(type === 'zip' ? 'unzip' : 'untar', '-b', 'main', '-n', archive);
      gitstore('branch', 'set', '--empty', `from-${type}`);
      gitstore(type === 'zip' ? 'unzip' : 'untar', '-b', `from-${type}`, archive);
      equal(gitstore('diff', `from-${type}`), '');
      gitstore('branch', 'delete', `from-${type}`);
    });
  }
  await step('backup and restore', () => {
    gitstore('backup', 'backup.git');
    gitstoreOn('again.git', '', 'restore', 'backup.git');
    equal(gitOn('again.git', 'rev-parse', 'main'), gitstore('hash', 'main'));
  });
  await step('a bundle', () => {
    gitstore('backup', 'all.bundle');
    git('bundle', 'verify', '--quiet', 'all.bundle');
  });
  await step('checkpoint and rewind', () => {
    write('folder/a.txt', 'one');
    gitstore('checkpoint', '--dir', 'folder', '-b', 'work', '-m', 'One');
    write('folder/a.txt', 'two');
    write('folder/b.txt', 'two');
    holds(gitstore('changes', '--dir', 'folder'), 'a.txt');
    gitstore('checkpoint', '--dir', 'folder', '-m', 'Two');
    gitstore('rewind', '--dir', 'folder');
    equal(read('folder/a.txt'), 'one');
    equal(readdirSync(join(work, 'folder')).join(), 'a.txt');
  });
  await step('fork', () => {
    gitstore('fork', '--dir', 'folder', 'folder2');
    equal(read('folder2/a.txt'), 'one');
  });
  await step('pack and gc', () => {
    gitstore('pack');
    gitstore('gc');
    equal(gitstore('cat', 'files/sub/deep.txt'), 'deep\n');
  });
  await step('a store with many packs is collected by itself', async () => {
    const packs = () => /^packs: (\d+)$/m.exec(git('count-objects', '-v'))[1];
    git('config', 'gc.autoPackLimit', '1');
    for (let i = 0; i < 40; i++) write(`more/f${i}`, `${i} more\n`);
    gitstore('cp', 'more', ':');
    for (let tries = 0; packs() !== '1' || existsSync(join(work, 'store.git/gc.pid')); tries++) {
      if (tries === 100) throw new Error(`${packs()} packs`);
      await new Promise((done) => setTimeout(done, 150));
    }
    git('config', '--unset', 'gc.autoPackLimit');
    gitstore('undo');
  });
  await step('verify', () => gitstore('verify'));
  await step('Git finds the store in order', () => equal(git('fsck', '--strict'), ''));
  await step('an error is one line', () => {
    try {
      gitstore('cat', 'missing.txt');
    } catch ({ status, stderr }) {
      equal(status, 1);
      equal(stderr.trim().split('\n').length, 1);
      holds(stderr, 'missing.txt');
      return;
    }
    throw new Error('no error');
  });

  const startServing = (...args) => {
    const child = spawn(...start('store.git', ...args), {
      cwd: work,
      env,
    });
    child.stderr.setEncoding('utf8');
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    const over = once(child, 'exit');
    const says = async (pattern) => {
      const ended = over.then(() => true);
      while (!pattern.test(said)) {
        const more = once(child.stderr, 'data').then(() => false);
        if (await Promise.race([more, ended])) throw new Error(`it ended, having said: ${said}`);
      }
      return pattern.exec(said);
    };
    const end = async () => {
      child.kill('SIGTERM');
      const [code, signal] = await over;
      if (code !== 0) throw new Error(`it ended with ${code ?? signal}: ${said}`);
    };
    return { says, end };
  };
  await step('serve answers, and ends on a signal', async () => {
    const server = startServing('serve', '-p', '0', '-q');
    try {
      const [url] = await server.says(/http:\/\/\S+/);
      const answer = await fetch(new URL('files/sub/deep.txt', url));
      equal(await answer.text(), 'deep\n');
      holds(await (await fetch(url)).text(), 'dev.txt');
    } finally {
      await server.end();
    }
  });
  await step('gitserve: Git clones from it', async () => {
    const server = startServing('gitserve', '-p', '0');
    try {
      const [url] = await server.says(/http:\/\/\S+/);
      const clone = spawn('git', ['clone', '-q', url, 'clone'], { cwd: work, env });
      equal((await once(clone, 'exit'))[0], 0);
      equal(read('clone/files/sub/deep.txt'), 'deep\n');
    } finally {
      await server.end();
    }
  });
  await step('sync --watch', async () => {
    const watcher = startServing('sync', '--watch', '--debounce', '100', 'folder', ':watched');
    try {
      const present = (path) => {
        try {
          return gitstore('cat', path);
        } catch {
          return undefined;
        }
      };
      for (const [path, text] of [
        ['a.txt', 'one'],
        ['late.txt', 'late'],
      ]) {
        if (path === 'late.txt') write('folder/late.txt', 'late');
        for (let tries = 0; present(`watched/${path}`) !== text; tries++) {
          if (tries === 60) throw new Error(`${path} has not come`);
          await new Promise((done) => setTimeout(done, 150));
        }
      }
    } finally {
      await watcher.end();
    }
  });

  if (command === undefined) return counts;
  // The library, in one process.
  cpSync(join(here, 'tour-library.mjs'), join(work, 'tour-library.mjs'));
  let said = '';
  try {
    const [file, ...args] = command;
    said = execFileSync(file, [...args, 'tour-library.mjs'], options);
  } catch (error) {
    said = error.stdout ?? '';
    failed('the library', error.stderr || error.message);
  }
  for (const [, verdict, what, why] of said.matchAll(
    /^(ok|FAIL) ([^\n]*)\n((?: {4}[^\n]*\n)*)/gm,
  )) {
    if (verdict === 'ok') passed();
    else failed(`library: ${what}`, why);
  }
  if (!/^end$/m.test(said)) failed('the library', 'it did not get to its end');
  return counts;
}

const WRITERS_EACH = 2;
const UPDATES = 40;

/** One store that all runtimes write at once. */
export async function updateTogether(commands, folder) {
  const work = join(folder, 'together');
  mkdirSync(work, { recursive: true });
  const env = environment(work);
  cpSync(join(here, 'tour-library.mjs'), join(work, 'tour-library.mjs'));
  const children = [...commands].flatMap(([name, [executable, ...run]]) =>
    Array.from({ length: WRITERS_EACH }, async (_, at) => {
      const args = [...run, 'tour-library.mjs', 'update', `${name}-${at}`, String(UPDATES)];
      const child = spawn(executable, args, {
        cwd: work,
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [code, signal] = await once(child, 'exit');
      return code === 0 ? undefined : `${name}-${at} ended with ${code ?? signal}`;
    }),
  );
  const faults = (await Promise.all(children)).filter((fault) => fault !== undefined);
  const wanted = commands.size * WRITERS_EACH * UPDATES;
  const options = { cwd: work, encoding: 'utf8' };
  const count = Number(
    execFileSync('git', ['--git-dir=shared.git', 'cat-file', '-p', 'main:count'], options),
  );
  const commits = Number(
    execFileSync('git', ['--git-dir=shared.git', 'rev-list', '--count', 'main'], options),
  );
  if (count !== wanted) faults.push(`${count} of ${wanted} updates are there`);
  if (commits !== wanted + 1) faults.push(`${commits} commits, not ${wanted + 1}`);
  const fsck = execFileSync(
    'git',
    ['--git-dir=shared.git', 'fsck', '--strict', '--no-dangling'],
    options,
  );
  if (fsck !== '') faults.push(fsck);
  const names = [...commands.keys()].join(', ');
  console.log(
    faults.length === 0
      ? `${names} wrote one store at once: ${count} of ${wanted} updates`
      : `FAIL writing at once\n${faults.join('\n')}`,
  );
  return faults.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

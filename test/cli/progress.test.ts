/** The line that tells how far long work has come, on a terminal and where there is none. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { labelsOf } from '../../src/cli/actions/mirroring.ts';
import { Progress, shownBy } from '../../src/cli/output/progress.ts';
import { tarOf } from '../archive/members.ts';
import { expectClean, git } from '../helpers/git.ts';
import { hasTerminals, TerminalSession } from '../helpers/pty.ts';
import { Place, programPath } from './program.ts';

const SIGINT = 128 + 2;
const CTRL_C = '\x03';
/** Programs for which no time passes, or a thousand times as much. */
const FROZEN = clock('process.hrtime.bigint = () => 0n');
const FAST = clock(
  'const now = process.hrtime.bigint; process.hrtime.bigint = () => now() * 1000n',
);
/** Longer than the line waits before it appears. */
const LONG = 1000;

const archive = tarOf([{ name: 'a.txt', data: 'alpha\n' }]);

describe.skipIf(!hasTerminals)('on a terminal (needs python3)', () => {
  let place: Place;
  let command: string[];
  const at = (clock: string[]) => [process.execPath, ...clock, ...command.slice(1)];
  beforeAll(async () => {
    place = new Place();
    await place.ok('init');
    command = [process.execPath, programPath(), '-r', place.repo];
  });

  it('is drawn, and gone at the end', async () => {
    const session = new TerminalSession(80, [...at(FROZEN), 'untar', '-', '-m', 'From a pipe']);
    await session.waitFor(/Storing/);
    session.input(archive);
    const { code, screen } = await session.end();
    expect(code).toBe(0);
    expect(screen.shown.some((line) => /^. Storing/.test(line))).toBe(true);
    expect(screen).toMatchObject({ lines: [''], isCursorVisible: true, wrapped: false });
    expect(git(place.repo, 'log', '-1', '--format=%s')).toBe('From a pipe');
  });

  it('is not drawn for work that is soon done', async () => {
    const session = new TerminalSession(80, [...at(FROZEN), 'untar', '-']);
    session.input(archive);
    expect((await session.end()).screen.shown).toEqual([]);
  });

  it('is not drawn on a dumb terminal, nor for a CI', async () => {
    for (const env of [{ TERM: 'dumb' }, { CI: '1' }]) {
      const session = new TerminalSession(80, [...command, 'untar', '-'], env);
      await sleep(LONG);
      session.input(archive);
      expect((await session.end()).screen.shown).toEqual([]);
    }
  });

  it('nothing of it comes where stdout or stderr is no terminal', async () => {
    const files = ['stdout', 'stderr'].map((name) => join(place.folder, name));
    const redirected = ['sh', '-c', 'out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err"', 'sh'];
    const session = new TerminalSession(80, [...redirected, ...files, ...command, 'untar', '-']);
    await sleep(LONG);
    session.input(archive);
    expect((await session.end()).screen.shown).toEqual([]);
    for (const file of files) expect(readFileSync(file, 'utf8')).toBe('');
  });

  it.each([20, 40, 100])('fits into %i columns', async (columns) => {
    const huge = sparseFile(place.folder);
    const session = new TerminalSession(columns, [...command, 'cp', huge, ':']);
    await session.waitFor(/Copying/);
    await sleep(200);
    session.type(CTRL_C);
    const { code, screen } = await session.end();
    expect(code).toBe(SIGINT);
    const widest = screen.shown
      // The terminal itself shows the key.
      .filter((line) => /^. (?:Looking|Copying)[^^]*$/.test(line))
      .reduce((a, b) => (a.length >= b.length ? a : b));
    expect(widest.length).toBeLessThan(columns);
    if (columns === 100)
      expect(widest).toMatch(
        /Copying {2}[█░]{10} {2}\d+% {2}0 of 1 file {2}.* of 1\d.\d GB {2}.*\/s/,
      );
  });

  it('Ctrl-C takes it away, and what is unfinished with it', async () => {
    const before = git(place.repo, 'rev-parse', 'main');
    const huge = sparseFile(place.folder);
    const session = new TerminalSession(80, [...command, 'cp', huge, ':']);
    await session.waitFor(/Copying/);
    session.type(CTRL_C);
    const { code, screen } = await session.end();
    // The terminal itself shows the key.
    expect(code).toBe(SIGINT);
    expect(screen.isCursorVisible).toBe(true);
    expect(screen.lines.join('\n').replace('^C', '')).toBe('Interrupted: nothing was committed\n');
    expect(git(place.repo, 'rev-parse', 'main')).toBe(before);
    const below = readdirSync(place.repo, { recursive: true, encoding: 'utf8' });
    expect(below.filter((path) => /(^|[/\\])tmp_/.test(path))).toEqual([]);
    expectClean(place.repo);
  });

  it('Ctrl-C takes it away where standard input is waited for', async () => {
    const session = new TerminalSession(80, [...command, 'untar', '-']);
    await session.waitFor(/Storing/);
    session.type(CTRL_C);
    const { code, screen } = await session.end();
    expect(code).toBe(SIGINT);
    expect(screen.isCursorVisible).toBe(true);
    expect(screen.lines.join('\n').replace('^C', '')).toBe('Interrupted: nothing was committed\n');
  });

  it('a closing line tells what took long, what it was and what became of it', async () => {
    writeFileSync(join(place.folder, 'a'), 'alpha');
    writeFileSync(join(place.folder, 'b'), 'b'.repeat(2000));
    const files = ['a', 'b'].map((name) => join(place.folder, name));
    const run = async (...args: string[]) => {
      const { code, screen } = await new TerminalSession(80, [...at(FAST), ...args]).end();
      expect(code).toBe(0);
      return screen.lines.join('\n').replace(/in \d.*?(?= [→(]|\n)/, 'in TIME');
    };
    const copied = await run('cp', ...files, ':');
    const hash = git(place.repo, 'rev-parse', '--short=7', 'main');
    expect(copied).toBe(`2 files, 2.0 kB in TIME → ${hash}\n`);
    expect(await run('cp', ...files, ':')).toBe('2 files, 2.0 kB in TIME (nothing to change)\n');
    expect(await run('cp', '-n', files[0]!, ':other')).toBe('+ :other\n');
    const out = join(place.folder, 'out');
    expect(await run('cp', ':a', out)).toBe(`1 file, 5 B in TIME → ${out}\n`);
    expect(await run('verify')).toMatch(/^\d+ objects in TIME\n$/);
  });

  it('write says that it waits for what is typed, and how that ends', async () => {
    const session = new TerminalSession(80, [...command, 'write', 'typed.txt'], {}, true);
    await session.waitFor(/Type what typed.txt is to hold; Ctrl-D on a line of its own stores it/);
    session.type('hello\n\x04');
    expect((await session.end()).code).toBe(0);
    expect(git(place.repo, 'show', 'main:typed.txt')).toBe('hello');
  });

  it('an archive is neither typed nor shown', async () => {
    const session = new TerminalSession(80, [...command, 'zip', '-']);
    const { code, screen } = await session.end();
    expect([code, screen.lines.join('')]).toEqual([
      2,
      expect.stringContaining('An archive is nothing for a terminal'),
    ]);
  });
});

describe('the text of the line', () => {
  let now = 0;
  beforeAll(() => {
    vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => BigInt(now * 1e9));
  });
  afterAll(() => void vi.restoreAllMocks());

  it('the time that is left does not count the scan', () => {
    now = 0;
    const progress = new Progress('Looking');
    const shown = shownBy(progress, 'Copying');
    shown({ phase: 'scan', files: 12_345, bytes: 0 });
    now = 100;
    expect(progress.text(80)).toMatch(/^Looking {2}12,345 files/);
    shown({ phase: 'copy', files: 0, bytes: 0, totalFiles: 1000, totalBytes: 4e8 });
    now = 103;
    shown({ phase: 'copy', files: 250, bytes: 1e8, totalFiles: 1000, totalBytes: 4e8 });
    expect(progress.text(100)).toBe(
      'Copying  ██░░░░░░░░  25%  250 of 1,000 files  100 MB of 400 MB  33.3 MB/s  9 s left',
    );
    expect(progress.text(40)).toBe('Copying  25%  9 s left');
    progress.stop();
  });

  it('what comes from a path, or goes there, is copied', () => {
    const labels = ['../data.git', 'all.bundle', 'https://example.com/data.git', 'me@host:x'];
    expect(labels.map((url) => labelsOf(url).receiving)).toEqual([
      'Copying',
      'Copying',
      'Receiving',
      'Receiving',
    ]);
  });

  it('tells no time where no end is known, and never more than all', () => {
    now = 0;
    const progress = new Progress('Storing');
    now = 2;
    progress.update({ bytes: 4000 });
    expect(progress.text(80)).toBe('Storing  4.0 kB  2.0 kB/s');
    progress.update({ files: 3, totalFiles: 2, unit: 'objects' });
    expect(progress.text(80)).toBe('Storing  ██████████  100%  3 of 2 objects  0 s left');
    progress.stop();
  });
});

/** Node's arguments for a program whose clock is another one. */
function clock(code: string): string[] {
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

/** A file that takes long to copy, and no room. */
function sparseFile(folder: string): string {
  const path = join(folder, 'huge');
  writeFileSync(path, '');
  truncateSync(path, 16 * 1024 ** 3);
  return path;
}

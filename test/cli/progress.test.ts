/** The line that tells how far long work has come, on a terminal and where there is none. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { tarOf } from '../archive/members.ts';
import { expectClean, git } from '../helpers/git.ts';
import { hasTerminals, TerminalSession } from '../helpers/pty.ts';
import { Place, programPath } from './program.ts';

const SIGINT = 128 + 2;
const CTRL_C = '\x03';
/** Longer than the line waits before it appears. */
const LONG = 1000;

const archive = tarOf([{ name: 'a.txt', data: 'alpha\n' }]);

describe.skipIf(!hasTerminals)('on a terminal (needs python3)', () => {
  let place: Place;
  let command: string[];
  beforeAll(async () => {
    place = new Place();
    await place.ok('init');
    command = [process.execPath, programPath(), '-r', place.repo];
  });

  it('is drawn, and gone at the end', async () => {
    const session = new TerminalSession(80, [...command, 'untar', '-', '-m', 'From a pipe']);
    await session.waitFor(/Storing/);
    session.input(archive);
    const { code, screen } = await session.end();
    expect(code).toBe(0);
    expect(screen.shown.some((line) => /^. Storing/.test(line))).toBe(true);
    expect(screen).toMatchObject({ lines: [''], isCursorVisible: true, wrapped: false });
    expect(git(place.repo, 'log', '-1', '--format=%s')).toBe('From a pipe');
  });

  it('is not drawn for work that is soon done', async () => {
    const session = new TerminalSession(80, [...command, 'untar', '-']);
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
    expect([code, screen.wrapped]).toEqual([SIGINT, false]);
    const widest = screen.shown.reduce((a, b) => (a.length >= b.length ? a : b));
    expect(widest.length).toBeLessThan(columns);
    if (columns === 100)
      expect(widest).toMatch(/Copying {2}0 of 1 files {2}.* of 1\d.\d GB {2}.*\/s/);
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
    expect(screen.lines.join('').replace('^C', '')).toBe('');
    expect(git(place.repo, 'rev-parse', 'main')).toBe(before);
    const below = readdirSync(place.repo, { recursive: true, encoding: 'utf8' });
    expect(below.filter((path) => /(^|[/\\])tmp_/.test(path))).toEqual([]);
    expectClean(place.repo);
  });

  it('Ctrl-C takes it away where a command leaves signals to the system', async () => {
    const session = new TerminalSession(80, [...command, 'untar', '-']);
    await session.waitFor(/Storing/);
    session.type(CTRL_C);
    const { code, screen } = await session.end();
    expect(code).toBe(SIGINT);
    expect(screen.isCursorVisible).toBe(true);
    expect(screen.lines.join('').replace('^C', '')).toBe('');
  });
});

/** A file that takes long to copy, and no room. */
function sparseFile(folder: string): string {
  const path = join(folder, 'huge');
  writeFileSync(path, '');
  truncateSync(path, 16 * 1024 ** 3);
  return path;
}

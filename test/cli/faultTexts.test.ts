/** Places and streams that fail: one line on stderr in our words, with no password in it. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../helpers/run.ts';
import { Place, programPath } from './program.ts';

const LOOP = /: too many symbolic links encountered; remove the link that leads in a circle$/;
const LONG = 'n'.repeat(300);

describe.skipIf(process.platform === 'win32')('a failure', () => {
  let place: Place;

  beforeAll(async () => {
    place = new Place();
    await place.ok('init');
    writeFileSync(join(place.folder, 'file'), '');
    symlinkSync('loop', join(place.folder, 'loop'));
  });

  it.each<[string[], RegExp]>([
    [['-r', 'file', 'ls'], /^Not a directory: .*file$/],
    [['-r', 'loop', 'ls'], LOOP],
    [['-r', LONG, 'ls'], /: name too long; use a shorter name$/],
    [
      ['-r', 'https://u:hidden@host/x', 'ls'],
      /^https:\/\/host\/x is on another machine, .* -r FOLDER restore https:\/\/host\/x\)$/,
    ],
    [['-r', 'u:hidden@host:x', 'init'], /^host:x is on another machine/],
    [['backup', 'loop'], LOOP],
    [['backup', 'file/x.bundle'], /^Folder not found: file$/],
    [['restore', 'loop.bundle'], /^Bundle not found: loop.bundle$/],
    [['zip', 'loop/x.zip'], LOOP],
    [['zip', 'file/x.zip'], /a file is where a folder is needed: check the path$/],
    [['unzip', 'loop'], LOOP],
    [['cp', 'loop/a', ':'], LOOP],
    [['serve', '--log-file', 'loop/x'], LOOP],
    [['cp', '--exclude-from', 'loop', '.', ':'], LOOP],
    [
      ['backup', 'https://u:hid/den@host/x'],
      /^Not the URL of a remote: https:\/\/host\/x cannot be parsed$/,
    ],
  ])('%j', async (args, text) => {
    const line = await place.fails(1, ...args);
    expect(line).toMatch(text);
    expect(line).not.toMatch(/hidden|hid.den|\bE[A-Z]{4,}/);
  });

  it.skipIf(process.platform !== 'linux')('of a standard stream is told by its name', async () => {
    const run = (line: string) =>
      runCommand('sh', ['-c', line], {
        cwd: place.folder,
        env: { G: programPath(), N: process.execPath, GITSTORE_REPO: place.repo },
      });
    const input = await run('"$N" "$G" write x < /');
    expect(input).toMatchObject({ code: 1, stderr: 'Error: standard input: it is a directory\n' });
    const output = await run('"$N" "$G" log > /dev/full');
    expect(output).toMatchObject({
      code: 1,
      stderr:
        'Error: standard output: no space left on device; free some space there, then try again\n',
    });
  });
});

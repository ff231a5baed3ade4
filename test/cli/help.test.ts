/** Help and the manual page: every command, in 80 columns, from one source. */
import { spawnSync } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import { allCommands, type Described } from './allCommands.ts';

let commands: Described[];
let manual: string;

beforeAll(async () => {
  ({ commands, manual } = await allCommands());
});

test('help fits 80 columns', () => {
  expect(commands.length).toBeGreaterThan(50);
  const long = commands.flatMap(({ path, help }) =>
    help
      .split('\n')
      .filter((line) => line.length > 80)
      .map((line) => `${path}: ${line}`),
  );
  expect(long).toEqual([]);
});

test('the manual page has every command, with its options and examples', () => {
  for (const { path, help } of commands.slice(1)) {
    expect(manual).toContain(`.SS gitstore ${path.replaceAll('-', '\\-')} `);
    for (const [, option] of help.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm)) {
      expect(manual).toContain(`\\-\\-${option!.replaceAll('-', '\\-')}`);
    }
  }
  expect(manual).toContain('.TH GITSTORE 1 "2024-05-31" "gitstore 1.2.3"');
  expect(manual).toContain('gitstore cat main\\(ti3:notes.txt');
  // Nothing that is text is a request.
  expect(manual.match(/^\.(?!TH|SH|SS|TP|PP|BR?|RI|I|nf|fi)/gm)).toBe(null);
});

test.skipIf(spawnSync('mandoc', ['-h']).error !== undefined)('mandoc finds no fault in it', () => {
  const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'style'], {
    input: manual,
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
});

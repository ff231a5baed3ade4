/** White space at the end of ignore patterns, against `git check-ignore`. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Exclusion } from '../../src/transfer/exclusion.ts';
import { gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const ENDS = ['', '\r', '\r\r', '\t', ' ', '  ', '\r ', '\t\r', ' \r', '\\ ', '\v'];
const LINES = ENDS.flatMap((end) => ['\n', '\r\n', ''].map((stop) => `Icon${end}${stop}`));

test.each(LINES)('the line %j leaves out what Git leaves out', async (line) => {
  const folder = scratchFolder();
  spawnSync('git', ['init', '-q', folder], { env: gitEnvironment });
  writeFileSync(join(folder, '.gitignore'), line);
  const names = ENDS.map((end) => `Icon${end}`);
  const { stdout } = spawnSync('git', ['-C', folder, 'check-ignore', '-z', '--stdin'], {
    input: names.join('\0'),
    encoding: 'utf8',
    env: gitEnvironment,
  });
  const ours = new Exclusion(undefined, true);
  await ours.add('', Buffer.from(line));
  const left = names.filter((name) => ours.excludes(name, false));
  expect(left).toEqual(stdout.split('\0').slice(0, -1));
});

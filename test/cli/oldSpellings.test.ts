/** Spellings of earlier versions: they do what the new ones do, and a note says how it is written now. */
import { describe, expect, it } from 'vitest';
import { Place } from './program.ts';

describe('old spellings', async () => {
  const place = new Place();
  await place.okWith({ input: 'text' }, 'write', 'file');

  it.each([
    ['archive_out --type tar -', 'archive-out --type tar -', 'archive_out', 'archive-out'],
    ['archive-out --format tar -', 'archive-out --type tar -', '--format tar', '--type tar'],
    [
      'backup -n --output-format json copy.git',
      'backup -n --format json copy.git',
      '--output-format json',
      '--format json',
    ],
    [
      'backup -n --format bundle copy',
      'backup -n --type bundle copy',
      '--format bundle',
      '--type bundle',
    ],
  ])('%s is %s', async (old, now, word, newWord) => {
    const { code, stdout, stderr } = await place.run(...old.split(' '));
    expect([code, stderr]).toEqual([
      0,
      `Note: ${word} is the old spelling of ${newWord}; a later version will not take it\n`,
    ]);
    expect(stdout).toBe(await place.ok(...now.split(' ')));
  });

  it('have the help of the new ones', async () => {
    const { stderr } = await place.run('archive_in', '--nothing');
    expect(stderr.split('\n')[1]).toBe(
      "Error: Unknown option '--nothing'. See 'gitstore help archive-in'",
    );
    expect(await place.fails(2, 'backup', '--format', 'xml', 'copy')).toContain(
      'text, json, jsonl',
    );
    expect(await place.fails(2, 'tar', '--format', 'xml', '-')).toContain('tar.gz');
    const limited = await place.ok('log', '-n', '1');
    expect(limited).toBe(await place.ok('log', '--limit', '1'));
    expect(limited).not.toBe('');
  });
});

/** Paths that are not UTF-8: the bytes given are meant, never those of another name. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { programPath } from './program.ts';

/** Runs a line of sh, in which `G` is the program. */
function shell(line: string, cwd: string) {
  const program = `G() { '${process.execPath}' '${programPath()}' "$@"; };`;
  return runCommand('sh', ['-c', `${program} B=$(printf 'b\\377'); ${line}`], { cwd });
}

describe.skipIf(process.platform !== 'linux')('a path that is not UTF-8', () => {
  it.each([
    'echo q | G -r "$B.git" write q',
    'echo q | GITSTORE_REPO="$B.git" G write q',
    'G -r a.git init && G -r a.git backup "$B.git"',
    'G -r a.git init && G -r a.git backup "$B.bundle"',
    'G -r a.git restore "$B.git"',
    'G -r a.git init && G -r a.git tar "$B.tar"',
    'G -r a.git untar "$B.tar"',
  ])('%s: is refused by its name, and no other name is used', async (line) => {
    const cwd = scratchFolder();
    const end = await shell(line, cwd);
    expect(end.code).toBe(2);
    expect(end.stderr).toMatch(/^Error: .*a path that is not UTF-8 cannot be used here.*\n/m);
    expect(readdirSync(cwd).filter((name) => name !== 'a.git')).toEqual([]);
  });

  it('of a file is kept byte for byte, in and out', async () => {
    const cwd = scratchFolder();
    const line =
      'echo q > "$B" && G -r a.git cp "$B" : && rm "$B" && G -r a.git cp ":$B" . && cat "$B" && ls | od -An -c';
    const end = await shell(line, cwd);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(end.stdout.toString()).toMatch(/^q\n.*b 377/s);
  });
});

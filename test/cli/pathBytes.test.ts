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
    [
      'in -r',
      'echo q | G -r "$B.git" write q && G -r "$B.git" cat q && G -r "$B.git" gc && G -r "$B.git" verify',
    ],
    [
      'in GITSTORE_REPO',
      'echo q | GITSTORE_REPO="$B.git" G write q && GITSTORE_REPO="$B.git" G cat q',
    ],
    [
      'of the current directory',
      'mkdir "$B.git" && cd "$B.git" && echo q | G -r . write q && G -r . cat q',
    ],
    [
      'of a backup',
      'echo q | G -r a.git write q && G -r a.git backup "$B.git" && G -r "$B.git" cat q',
    ],
    [
      'to restore',
      'echo q | G -r "$B.git" write q && G -r a.git restore "$B.git" && G -r a.git cat q',
    ],
    [
      'of a bundle',
      'echo q | G -r a.git write q && G -r a.git backup "$B.bundle" && G -r c.git restore "$B.bundle" && G -r c.git cat q',
    ],
    [
      'of a tar',
      'echo q | G -r a.git write q && G -r a.git tar "$B.tar" && G -r c.git untar "$B.tar" && G -r c.git cat q',
    ],
    [
      'of a zip',
      'echo q | G -r a.git write q && G -r a.git zip "$B.zip" && G -r c.git unzip "$B.zip" && G -r c.git cat q',
    ],
    [
      'to destroy',
      'echo q | G -r "$B.git" write q && mkdir "$B.x" && G -r "$B.git" destroy -f && echo q',
    ],
  ])('%s: keeps its bytes', async (_what, line) => {
    const cwd = scratchFolder();
    const end = await shell(line, cwd);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(end.stdout.toString()).toMatch(/^q\n/);
    const names = readdirSync(cwd, { encoding: 'latin1' });
    expect(names.filter((name) => name.startsWith('b')).length).toBeGreaterThan(0);
    for (const name of names) expect(name).toMatch(/^(?:b\xff|[ac]\.git)/);
    const real = names.find((name) => name === 'b\xff.git');
    if (real !== undefined) {
      await shell('git --git-dir "$B.git" fsck --strict >&2 && echo sound', cwd).then(
        ({ stdout }) => expect(stdout.toString()).toBe('sound\n'),
      );
    }
  });

  it('for ssh is refused: no program takes it as an argument', async () => {
    const cwd = scratchFolder();
    const end = await shell('G -r a.git init && G -r a.git backup "host:$B.git"', cwd);
    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(/Error: Not the URL of a remote: it is not UTF-8/);
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

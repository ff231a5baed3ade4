/** What people type by mistake, and the whole of what they are told. Run in this process: there are many. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { commandName } from '../../src/cli/start/commandName.ts';
import { GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const output = vi.hoisted(() => ({ text: '' }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return {
    ...real,
    writeSync(fd: number, data: Uint8Array | string, ...rest: never[]) {
      if (fd > 2) return real.writeSync(fd, data as Uint8Array, ...rest);
      const bytes = Buffer.from(data as Uint8Array).subarray(...(rest as []));
      output.text += bytes.toString();
      return bytes.length;
    },
  };
});

class Exit extends Error {}

/** Exit code, and all that is printed. */
async function told(args: readonly string[]): Promise<string> {
  output.text = '';
  process.exitCode = 0;
  let code = -1;
  const exit = vi.spyOn(process, 'exit').mockImplementation((given) => {
    code = Number(given);
    throw new Exit();
  });
  await run(args, commandName(args)).catch((error: unknown) => {
    if (!(error instanceof Exit)) throw error;
  });
  exit.mockRestore();
  process.exitCode = 0;
  return `${code} ${output.text}`;
}

const before = { folder: process.cwd(), repo: process.env.GITSTORE_REPO };

beforeAll(async () => {
  // The build puts it in.
  vi.stubGlobal('GITSTORE_VERSION', '0');
  const folder = scratchFolder();
  process.chdir(folder);
  process.env.GITSTORE_REPO = 'r.git';
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'one.txt'), 'one\n');
  const store = await GitStore.open(join(folder, 'r.git'));
  let fs = await store.branches.get('main');
  fs = await fs.write('src/a.txt', 'a');
  fs = await fs.write('one.txt', 'one\n');
  await store.branches.set('dev', fs);
  await store.tags.set('v1', fs);
  await store.close();
  const gone = await GitStore.open(join(folder, 'gone.git'), { branch: 'dev' });
  await gone.close();
  git(join(folder, 'gone.git'), 'symbolic-ref', 'HEAD', 'refs/heads/master');
});

afterAll(() => {
  process.chdir(before.folder);
  if (before.repo === undefined) delete process.env.GITSTORE_REPO;
  else process.env.GITSTORE_REPO = before.repo;
});

const SENDS = "'backup URL' sends branches, tags and notes there";
const BRINGS = "'restore URL' brings branches, tags and notes here";
const BRANCHES = 'branches: dev, main';
const LISTS = '(ls -R lists what is there)';

/** Usage errors: the line ends with where the help is. */
const USAGE: readonly [line: string, text: string, help?: string][] = [
  ['push', `There is no command 'push': ${SENDS}`, ''],
  ['push origin main', `There is no command 'push': ${SENDS}`, ''],
  ['pull', `There is no command 'pull': ${BRINGS}`, ''],
  ['fetch', `There is no command 'fetch': ${BRINGS}`, ''],
  ['clone x', "There is no command 'clone': '-r NEW.git restore URL' brings a repository here", ''],
  ['add src', "There is no command 'add': 'cp FILE :' stores a file or folder", ''],
  [
    'commit -m x',
    "There is no command 'commit': cp, sync, write, rm and mv commit by themselves ('-m TEXT' gives the message)",
    '',
  ],
  [
    'status',
    "There is no command 'status': 'sync -n FOLDER :PATH' shows what differs from a folder",
    '',
  ],
  [
    'checkout main',
    "There is no command 'checkout': 'cp :PATH .' brings a file or folder out, 'branch current -b NAME' chooses a branch",
    '',
  ],
  ['restore-file a', "There is no command 'restore-file': 'cp :PATH .' brings a file out", ''],
  ['switch dev', "There is no command 'switch': 'branch current -b NAME' chooses a branch", ''],
  [
    'reset --hard',
    "There is no command 'reset': 'undo' moves a branch back, 'branch set -f NAME COMMIT' anywhere",
    '',
  ],
  [
    'delete a',
    "There is no command 'delete': 'rm' removes files, 'branch delete NAME' a branch",
    '',
  ],
  ['copy a b', "There is no command 'copy': 'cp' copies", ''],
  ['list', "There is no command 'list': 'ls' lists files", ''],
  ['history', "There is no command 'history': 'log' shows the commits", ''],
  ['fsck', "There is no command 'fsck': 'verify' checks everything", ''],
  ['rsync a b', "There is no command 'rsync': 'sync FOLDER :PATH' makes them equal", ''],
  ['lgo', "Unknown command 'lgo' (Did you mean log?)", ''],
  ['xyzzy', "Unknown command 'xyzzy'", ''],
  ['help xyzzy', "Unknown command 'xyzzy'", ''],
  ['-r', "Option '-r, --repo <path>' argument missing", ''],
  ['cp', "Missing required argument 'path'"],
  ['cp src', 'A destination is needed too: gitstore cp src :'],
  ['cp :src', 'A destination is needed too: gitstore cp :src FOLDER'],
  ['mv :src', 'A destination is needed too: gitstore mv :src :NEW'],
  [
    'cp -r src :',
    "'cp -r': -r names the repository (gitstore -r PATH cp …), and src is none; cp copies folders with all that is in them, without a flag",
  ],
  [
    'cp -rv src :',
    "'cp -rv': -r names the repository (gitstore -r PATH cp …), and v is none; cp copies folders with all that is in them, without a flag",
  ],
  [
    'rm -r src',
    "'rm -r': -r names the repository (gitstore -r PATH rm …), and src is none; rm -R removes directories, and never asks",
  ],
  [
    'rm -rf src',
    "'rm -rf': -r names the repository (gitstore -r PATH rm …), and f is none; rm -R removes directories, and never asks",
  ],
  [
    'rm -fr src',
    "'rm -fr': -r names the repository (gitstore -r PATH rm …), and src is none; rm -R removes directories, and never asks",
  ],
  [
    'mv -r :src :lib',
    "'mv -r': -r names the repository (gitstore -r PATH mv …), and :src is none; mv -R moves directories",
  ],
  ['cp -R src :', "Unknown option '-R': folders are copied with all that is in them without it"],
  [
    'cp -a src :',
    "Unknown option '-a': folders are copied with all that is in them, links and modes too",
  ],
  ['rm -f one.txt', "Unknown option '-f': rm never asks"],
  ['rm -i one.txt', "Unknown option '-i': -n shows what would go"],
  ['ls -a', "Unknown option '-a': all files are listed without it"],
  ['log --oneline', "Unknown option '--oneline': there is one line a commit without it"],
  ['cp --foo src :', "Unknown option '--foo'"],
  ['cp src dest', "No path here is in the repository: write ':dest' to copy into it"],
  ['sync src dest', "No path here is in the repository: write ':dest' to copy into it"],
  ['mv one.txt two.txt', "Only paths in the repository can be moved: write ':one.txt'"],
  ['rm', "Missing required argument 'path'"],
  ['cat', "Missing required argument 'path'"],
  ['write', "Missing required argument 'path'"],
  ['zip', "Missing required argument 'file'"],
  ['backup', "Missing required argument 'url'"],
  [
    'undo x',
    "Command-argument value 'x' is invalid for argument 'n'. It must be a whole number of 1 or more",
  ],
  [
    'branch nosuch',
    "Unknown command 'branch nosuch' (there are list, set, delete, deleted, exists, current, hash, help); 'branch set nosuch' creates one",
  ],
  ['branch set', "Missing required argument 'name'"],
  [
    'verify x',
    "Too many arguments for 'verify'. Expected 0 arguments but got 1: -r names the repository (gitstore -r PATH verify)",
  ],
  [
    'init new.git',
    "Too many arguments for 'init'. Expected 0 arguments but got 1: -r names the repository (gitstore -r PATH init)",
  ],
  [
    'serve -p x',
    "Option '-p, --port <n>' argument 'x' is invalid. It must be a whole number from 0 to 65535",
  ],
  [
    'log --before yesterday',
    "Option '--before <date>' argument 'yesterday' is invalid. It must be an ISO 8601 date, as 2024-05-31 or 2024-05-31T14:30Z",
  ],
  [
    'log --back x',
    "Option '--back <n>' argument 'x' is invalid. It must be a whole number of 0 or more",
  ],
  ['LS', "There is no command 'LS': it is written 'ls'", ''],
  ['log --graph', "Unknown option '--graph': only first parents are shown"],
  [
    'log main dev',
    "Too many arguments for 'log'. Expected 1 argument but got 2: --all shows all branches",
  ],
  ['diff --cached', "Unknown option '--cached': nothing is staged here"],
  ['diff --staged', "Unknown option '--staged': nothing is staged here"],
  [
    'grep -r one',
    "'grep -r': -r names the repository (gitstore -r PATH grep …), and one is none; grep looks into all directories without a flag",
  ],
  [
    'grep -rn one',
    "'grep -rn': -r names the repository (gitstore -r PATH grep …), and n is none; grep looks into all directories without a flag",
  ],
  ['grep -n one', "Unknown option '-n': line numbers come without it"],
  ['grep -e one', "Unknown option '-e': the pattern needs no option"],
  ['find . -name x', "Unknown option '-name': the pattern needs no option: find '*.txt'"],
  [
    'write one.txt hello',
    "Too many arguments for 'write'. Expected 1 argument but got 2: what it stores comes from standard input (echo TEXT | gitstore write PATH)",
  ],
  [
    'zip out.zip :src',
    "Too many arguments for 'zip'. Expected 1 argument but got 2: all of a snapshot goes into it, -b or --ref says which",
  ],
  [
    'tar out.tar :src',
    "Too many arguments for 'tar'. Expected 1 argument but got 2: all of a snapshot goes into it, -b or --ref says which",
  ],
  [
    'archive-out out.zip :src',
    "Too many arguments for 'archive-out'. Expected 1 argument but got 2: all of a snapshot goes into it, -b or --ref says which",
  ],
  [
    'reflog main',
    "Too many arguments for 'reflog'. Expected 0 arguments but got 1: -b NAME says which branch",
  ],
  [
    'branch dev2',
    "Unknown command 'branch dev2' (there are list, set, delete, deleted, exists, current, hash, help); 'branch set dev2' creates one",
  ],
  [
    'branch create x',
    "Unknown command 'branch create' (there are list, set, delete, deleted, exists, current, hash, help); 'branch set NAME' creates one",
  ],
  [
    'branch rename a b',
    "Unknown command 'branch rename' (there are list, set, delete, deleted, exists, current, hash, help); 'branch set NEW OLD' and 'branch delete OLD' rename one",
  ],
  [
    'branch switch dev',
    "Unknown command 'branch switch' (there are list, set, delete, deleted, exists, current, hash, help); 'branch current -b NAME' chooses one",
  ],
  [
    'branch rm dev',
    "Unknown command 'branch rm' (there are list, set, delete, deleted, exists, current, hash, help); 'branch delete NAME' deletes one",
  ],
  ['branch -d dev', "Unknown option '-d': 'branch delete NAME' deletes one"],
  ['branch -a', "Unknown option '-a': 'branch list' lists all"],
  [
    'branch current dev',
    "Too many arguments for 'current'. Expected 0 arguments but got 1: 'branch current -b NAME' chooses one",
  ],
  [
    'tag v3',
    "Unknown command 'tag v3' (there are list, set, delete, deleted, exists, hash, help); 'tag set v3' creates one",
  ],
  ['tag -a v3', "Unknown option '-a': 'tag set NAME' makes one"],
  ['tag -l', "Unknown option '-l': 'tag list' lists all"],
  [
    'tag remove v1',
    "Unknown command 'tag remove' (there are list, set, delete, deleted, exists, hash, help); 'tag delete NAME' deletes one",
  ],
  ['undo -n 3', "Unknown option '-n': 'undo 3' takes back three"],
  [
    'completion tcsh',
    "Command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish, powershell",
  ],
];

const FAILED: readonly [line: string, text: string][] = [
  ['rm src', 'src is a directory (-R for directories)'],
  ['cat src', 'src is a directory (ls lists it)'],
  ['write :', "A file is meant, not the root: ':'"],
  ['cat nosuch', `nosuch: no such file or directory ${LISTS}`],
  ['rm :nosuch', `nosuch: no such file or directory ${LISTS}`],
  ['ls one.txt/x', 'one.txt: not a directory'],
  ['cat nobranch:one.txt', `No branch, tag or commit nobranch; ${BRANCHES}`],
  ['log nosuch', `No branch, tag or commit nosuch; ${BRANCHES}`],
  ['log one.txt', 'No branch, tag or commit one.txt — for a file write :one.txt'],
  ['log README.md', 'No branch, tag or commit README.md — for a file write :README.md'],
  ['hash one.txt', 'No branch, tag or commit one.txt — for a file write :one.txt'],
  ['diff nosuch', `No branch, tag or commit nosuch; ${BRANCHES}`],
  ['-r gone.git cat x', "Branch 'master' does not exist (HEAD names it); branches: dev"],
  ['-r gone.git ls', "Branch 'master' does not exist (HEAD names it); branches: dev"],
  ['write -b nobranch x', `Branch 'nobranch' does not exist; ${BRANCHES}`],
  ['branch delete nosuch', `Branch 'nosuch' does not exist; ${BRANCHES}`],
  ['branch current -b nosuch', `Branch 'nosuch' does not exist; ${BRANCHES}`],
  ['tag delete nosuch', "Tag 'nosuch' does not exist; tags: v1"],
  ['tag set v1', 'Tag already exists: v1 (-f moves it)'],
  ['cp nosuch :', 'nosuch: no such file or directory'],
  ['unzip one.txt', 'one.txt: Not a zip archive'],
  ['restore nosuch.git', 'Repository not found: nosuch.git'],
  ['-r nosuch.git ls', "Store not found: nosuch.git ('gitstore -r nosuch.git init' makes one)"],
  ['log -5', 'No branch, tag or commit -5; for a number of commits write -n 5'],
  [
    'log main..dev',
    "No branch, tag or commit main..dev: there are no ranges here; 'diff A B' compares two",
  ],
  [
    'log HEAD',
    'No branch, tag or commit HEAD: leave it out for the current branch, write ~1 for HEAD~1',
  ],
  [
    'log HEAD~1',
    'No branch, tag or commit HEAD: leave it out for the current branch, write ~1 for HEAD~1',
  ],
  [
    'diff HEAD~1',
    'No branch, tag or commit HEAD: leave it out for the current branch, write ~1 for HEAD~1',
  ],
  [
    'diff v1..main',
    "No branch, tag or commit v1..main: there are no ranges here; 'diff A B' compares two",
  ],
  [
    'revert @',
    'No branch, tag or commit @: leave it out for the current branch, write ~1 for HEAD~1',
  ],
  ['ls main', 'main: no such file or directory; for the snapshot write main:'],
  ['cat main', 'main: no such file or directory; for the snapshot write main:'],
  ['ls v1', 'v1: no such file or directory; for the snapshot write v1:'],
  ['ls ~1', '~1: no such file or directory; for the snapshot write ~1:'],
  [
    'cp :nope.txt .',
    'nope.txt: no such file or directory in the repository (ls -R lists what is there)',
  ],
  ['mv :nope :x', 'nope: no such file or directory in the repository (ls -R lists what is there)'],
  ['blame src', 'src is a directory (name a file in it)'],
  [
    'blame nope.txt',
    'nope.txt: no such file or directory in the repository (ls -R lists what is there)',
  ],
  ['sync nothere :', 'nothere: no such file or directory'],
  ['sync one.txt :', "one.txt is a file: 'gitstore cp one.txt :' copies it"],
  ['-r nope.git ls', "Store not found: nope.git ('gitstore -r nope.git init' makes one)"],
];

describe('a mistake', () => {
  it.each(USAGE)('%s', async (line, text, help) => {
    const command = help ?? commandName(line.split(' '));
    const place = command === '' ? 'gitstore help' : `gitstore help ${command}`;
    expect(await told(line.split(' '))).toBe(`2 Error: ${text}. See '${place}'\n`);
  });

  it.each(FAILED)('%s', async (line, text) => {
    expect(await told(line.split(' '))).toBe(`1 Error: ${text}\n`);
  });
});

it('-r behind cp and rm is the repository where it is one', async () => {
  expect(await told(['rm', '-r', 'r.git', '-n', 'one.txt'])).toBe('0 - :one.txt\n');
});

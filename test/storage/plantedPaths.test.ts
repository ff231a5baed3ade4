/**
 * A repository from someone else, with a link in the place of anything that a verb writes below it: what
 * the link leads to stays as it is. The paths are those that the verbs are seen to write.
 */
// First, as it says.
import '../crash/disk/recorder.ts';

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { GitStoreError } from '../../src/errors.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { type Node, type Recording, ROOT, record } from '../crash/disk/recorder.ts';
import { stress } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const who = { author: 'Test', email: 'test@localhost', onWarning: () => {} };

interface Place {
  /** The repository, which the caller may break. */
  readonly path: string;
  /** For what else the verb needs. */
  readonly folder: string;
}

type Verb = (store: GitStore, place: Place) => Promise<unknown>;

const verbs: Record<string, Verb> = {
  write: async (store) => (await store.branches.get('main')).writeText('new', 'new\n'),
  'cp in, a pack': async (store, { folder }) => {
    mkdirSync(join(folder, 'many'), { recursive: true });
    for (let i = 0; i < 120; i++) writeFileSync(join(folder, 'many', `${i}`), `${i}`);
    return (await store.branches.get('main')).copyIn(join(folder, 'many'), '');
  },
  'cp out': async (store, { folder }) =>
    (await store.branches.get('main')).copyOut('', join(folder, 'out')),
  'undo and redo': async (store) => {
    const main = await (await store.branches.get('main')).undo();
    return main.redo();
  },
  'branch set': async (store) => store.branches.set('team/new', await store.branches.get('main')),
  'branch set current': async (store) => store.branches.setCurrent('x'),
  'branch delete': (store) => store.branches.delete('x'),
  'tag set': async (store) => store.tags.set('v2', await store.branches.get('main')),
  update: (store) => store.update('main', (fs) => fs.writeText('new', 'new\n')),
  note: async (store) => {
    await store.notes.commits.set(await store.branches.get('main'), 'a note');
  },
  restore: async (store, { folder }) => store.restore(join(folder, 'other.git')),
  backup: async (store, { folder }) => store.backup(join(folder, 'backup.git')),
  gc: (store) => store.gc({ prune: new Date() }),
  pack: (store) => store.pack(),
};

/** A collection that fails, as one that starts by itself. */
async function failingCollection({ path }: Place): Promise<void> {
  writeFileSync(join(path, 'refs/heads', BROKEN), 'broken\n');
  const storage = await openBareStorage(path, { durability: 'full' });
  try {
    await storage.upkeep?.collect({ automatic: true });
  } finally {
    await storage.close();
  }
}

async function run(name: string, place: Place): Promise<void> {
  if (name === 'a failing gc') return failingCollection(place);
  const store = await GitStore.open(place.path, { ...who, create: false });
  try {
    await verbs[name]!(store, place);
  } finally {
    await store.close();
  }
}

const BROKEN = 'broken';
const NAMES = [...Object.keys(verbs), 'a failing gc'];
/** Folders that only we write to, on the way to what we write. */
const FOLDERS = ['gitstore', 'logs', 'logs/refs', 'logs/refs/heads', 'logs/refs/notes'];
/** Names that nobody can know before. */
const RANDOM = /tmp_|\/pack-|^objects\/..\/|\.tmp$|refs\/gitstore\/deleted\//;
/** Made exclusively; who finds one waits. */
const WAITED_FOR = /\.lock$|\.holder$/;

let base: string;
/** The verbs that write a path. */
const writers = new Map<string, string[]>();

beforeAll(async () => {
  base = scratchFolder();
  const store = await GitStore.open(join(base, 'store.git'), who);
  const main = await store.update('main', (fs) => fs.writeText('a/b', 'b\n'));
  await store.branches.set('x', main);
  await store.tags.set('v1', main);
  await store.notes.commits.set(main, 'first');
  await store.update('x', (fs) => fs.writeText('x', 'x\n'));
  await store.backup(join(base, 'other.git'));
  await store.branches.delete('x');
  await store.branches.set('x', main);
  await store.close();
  for (const name of NAMES) {
    const place = copyOfBase();
    const recorder = record(place.path);
    try {
      await run(name, place).catch((error: unknown) => {
        if (name !== 'a failing gc') throw error;
      });
    } finally {
      for (const path of writtenIn(recorder.stop())) {
        writers.set(path, [...(writers.get(path) ?? []), name]);
      }
    }
  }
});

function copyOfBase(): Place {
  const folder = scratchFolder();
  cpSync(base, folder, { recursive: true });
  return { folder, path: join(folder, 'store.git') };
}

/** The paths of what was made or written. */
function writtenIn({ base, made, events }: Recording): Set<string> {
  const paths = new Map<number, string>();
  const look = (id: number, path: string): void => {
    paths.set(id, path);
    const node: Node | undefined = base.get(id) ?? made.get(id);
    if (node?.kind !== 'directory') return;
    for (const [name, child] of node.entries) look(child, path === '' ? name : `${path}/${name}`);
  };
  look(ROOT, '');
  const written = new Set<string>();
  for (const event of events) {
    let path: string | undefined;
    if (event.op === 'write' || event.op === 'truncate') path = paths.get(event.node);
    else if (event.op === 'enter' || event.op === 'rename') {
      const [dir, name] =
        event.op === 'enter' ? [event.dir, event.name] : [event.toDir, event.toName];
      const lead = paths.get(dir);
      path = lead === '' ? name : `${lead}/${name}`;
      if (!paths.has(event.node)) paths.set(event.node, path);
    }
    if (path !== undefined && !RANDOM.test(path) && !path.endsWith(BROKEN)) written.add(path);
  }
  return written;
}

function contentOf(folder: string): Record<string, string> {
  const content: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    content[name] = statSync(path).isDirectory() ? '' : readFileSync(path, 'latin1');
  }
  return content;
}

/** Runs a verb on a repository in which a link lies at `name`, and compares what it leads to. */
async function plant(verb: string, name: string, isThere: boolean): Promise<void> {
  const place = copyOfBase();
  const outside = scratchFolder();
  const path = join(place.path, name);
  const target = join(outside, 'precious');
  if (FOLDERS.includes(name)) {
    // With all that is in it, so that whatever is opened there is found.
    if (existsSync(path)) renameSync(path, target);
    else mkdirSync(target, { recursive: true });
    for (const file of ['turn-0', 'settled', 'collected', 'memo-x.tmp', 'HEAD', 'main']) {
      if (!existsSync(join(target, file))) writeFileSync(join(target, file), 'precious\n');
    }
  } else {
    if (isThere) writeFileSync(target, 'precious\n');
    rmSync(path, { recursive: true, force: true });
  }
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
  const before = contentOf(outside);
  const what = `${verb} with a link at ${name}`;
  await run(verb, place).catch((error: unknown) => {
    expect(error, what).toBeInstanceOf(GitStoreError);
  });
  expect(contentOf(outside), what).toEqual(before);
}

describe('a link to a file outside, to where nothing is, or to a folder', () => {
  test.each(NAMES)('%s changes nothing through it', { timeout: 600_000 }, async (verb) => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const paths = [...writers].filter(([, [first, ...others]]) => {
      return first === verb || (stress && others.includes(verb));
    });
    for (const [path] of paths) {
      if (WAITED_FOR.test(path) && !stress) continue;
      await plant(verb, path, true);
      if (stress) await plant(verb, path, false);
    }
    for (const folder of FOLDERS) {
      if (
        stress ||
        (verb === 'update' && folder !== 'gitstore') ||
        ['gc', 'cp out'].includes(verb)
      ) {
        await plant(verb, folder, true);
      }
    }
    vi.restoreAllMocks();
  });
});

test('the paths are those that are written', () => {
  for (const path of [
    ...['HEAD', 'gitstore.lock', 'gitstore/ref-0', 'gitstore/settled', 'refs/heads/main'],
    ...['logs/HEAD', 'logs/refs/heads/main', 'packed-refs', 'gc.pid', 'gc.log'],
    ...['gitstore/collected', 'objects/info/commit-graph'],
  ]) {
    expect([...writers.keys()]).toContain(path);
  }
});

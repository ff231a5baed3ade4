/** Summaries of a history, however it is stored: those of Git, and those of the commits themselves. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FS, GitStore, type SnapshotSummary } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { imported, randomHistory } from './importedHistory.ts';

const ADA = 'Ada <ada@example.org>';
/** Headers after the tree and the parent, and messages. */
const ODD: readonly string[] = [
  `author ${ADA} 1600000000 -0000\ncommitter ${ADA} 1600000001 -0000\n\nNo zone\n`,
  `author ${ADA} 5000000000 +0000\ncommitter ${ADA} 5000000000 +0000\n\nFar from now\n`,
  `author ${ADA} 1 +0000\ncommitter ${ADA} 1 +0000\nencoding ISO-8859-1\n\nGr\xfc\xdfe\n`,
  `author J\xf6rg <j@example.org> 1 +0530\ncommitter ${ADA} 1600000000 -0330\n\nBytes \xff\n`,
  `author ${ADA} 1 +0000\ncommitter Bob <bob@example.org> 1700000000 +1400\n\n\n \n\nBlank lines first\n`,
  `author ${ADA} 1 +0000\ncommitter ${ADA} 1 +0000\n\n`,
  `author ${ADA} 1 +0000\ncommitter ${ADA} 1 +0000\ngpgsig -----BEGIN\n line\n -----END\n\nSigned\n\nBody\n`,
  `author nobody\ncommitter nobody\n\nNo dates\n`,
  `author ${ADA} 1 +0000\ncommitter ${ADA} 1 +0000\n\n${'long '.repeat(400)}\n`,
  `author ${ADA} 1 +0000\ncommitter ${ADA} 1 +0000\n\nTab\there\r\n`,
];

/** A branch `main` with odd commits, and enough commits after them that a list does not begin there. */
function oddHistory(): string {
  const path = join(scratchFolder(), 'odd.git');
  original ??= makeHistory();
  cpSync(original, path, { recursive: true });
  return path;
}

let original: string | undefined;

/** The same after a collection. */
async function collectedHistory(): Promise<string> {
  if (collectedOriginal === undefined) {
    collectedOriginal = oddHistory();
    await collect(collectedOriginal);
  }
  const path = join(scratchFolder(), 'collected.git');
  cpSync(collectedOriginal, path, { recursive: true });
  return path;
}

let collectedOriginal: string | undefined;

function makeHistory(): string {
  const path = imported(randomHistory(40, 7));
  const tree = git(path, 'rev-parse', 'main^{tree}');
  let tip = git(path, 'rev-parse', 'main');
  const plain = Array.from({ length: 40 }, (_, i) => {
    const who = `${ADA} ${1_650_000_000 + i * 60} +0200`;
    return `author ${who}\ncommitter ${who}\n\nPlain ${i}\n\nmore\n`;
  });
  for (const rest of [...ODD, ...plain]) {
    const body = Buffer.from(`tree ${tree}\nparent ${tip}\n${rest}`, 'latin1');
    tip = putLoose(path, body);
  }
  git(path, 'update-ref', 'refs/heads/main', tip);
  git(path, 'repack', '-adq');
  return path;
}

function putLoose(path: string, body: Buffer): string {
  const object = Buffer.concat([Buffer.from(`commit ${body.length}\0`), body]);
  const id = createHash('sha1').update(object).digest('hex');
  const folder = join(path, 'objects', id.slice(0, 2));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, id.slice(2)), deflateSync(object));
  return id;
}

async function collect(path: string): Promise<void> {
  await using store = await GitStore.open(path, { create: false });
  await store.gc();
}

const GRAPH = 'objects/info/commit-graph';

/** Changes bytes of the chunk of summaries. @param sum whether its CRC-32 is made to fit again */
function changeSummaries(path: string, change: (chunk: Buffer) => void, sum: boolean): void {
  const file = join(path, GRAPH);
  const bytes = readFileSync(file);
  const row = bytes.indexOf('GSUM');
  const chunk = bytes.subarray(bytes.readUInt32BE(row + 8), bytes.readUInt32BE(row + 20));
  change(chunk);
  if (sum) chunk.writeUInt32BE(crc32(chunk.subarray(8)), 4);
  const body = bytes.subarray(0, -20);
  rmSync(file);
  writeFileSync(file, Buffer.concat([body, createHash('sha1').update(body).digest()]));
}

function misspell(chunk: Buffer): void {
  for (let at = chunk.indexOf('Plain'); at >= 0; at = chunk.indexOf('Plain', at)) {
    chunk.write('Wrong', at);
  }
}

type Way = readonly [
  name: string,
  make: () => string | Promise<string>,
  change?: (path: string) => Promise<void> | void,
];

const WAYS: readonly Way[] = [
  ['without a commit-graph', oddHistory],
  [
    'with one from Git',
    oddHistory,
    (path) => void git(path, 'commit-graph', 'write', '--reachable'),
  ],
  ['collected', collectedHistory],
  [
    'collected, with newer commits',
    collectedHistory,
    async (path) => {
      await using store = await GitStore.open(path, { create: false });
      let main = await store.branches.get('main');
      for (let i = 0; i < 3; i++) main = await main.writeText('new', `${i}`);
    },
  ],
  ['collected, and damaged', collectedHistory, (path) => changeSummaries(path, misspell, false)],
  [
    'with a graph that was collected before, in a chain',
    collectedHistory,
    async (path) => {
      await using store = await GitStore.open(path, { create: false });
      await (await store.branches.get('main')).writeText('new', '1');
      git(path, 'commit-graph', 'write', '--reachable', '--split=no-merge');
    },
  ],
];

interface Shown {
  hash: string;
  seconds: number;
  zone: number;
  author: string;
  subject: string;
}

function shown(summary: SnapshotSummary): Shown {
  return {
    hash: summary.commitHash,
    seconds: summary.time.getTime() / 1000,
    zone: summary.timezoneOffset,
    author: `${summary.authorName} <${summary.authorEmail}>`,
    subject: summary.subject,
  };
}

function shownOf(fs: FS): Shown {
  const lines = fs.message.split('\n');
  return {
    hash: fs.commitHash,
    seconds: fs.time.getTime() / 1000,
    zone: fs.timezoneOffset,
    author: `${fs.authorName} <${fs.authorEmail}>`,
    subject: lines.find((line) => line.trim() !== '') ?? lines.at(-1)!,
  };
}

async function all<T, R>(list: AsyncIterable<T>, show: (one: T) => R): Promise<R[]> {
  const found: R[] = [];
  for await (const one of list) found.push(show(one));
  return found;
}

const NAMED_WAYS = WAYS.map(([name, make, change]) => ({ name, make, change }));

describe.each(NAMED_WAYS)('a history $name', ({ make, change }) => {
  let path = '';
  let store: GitStore;
  let main: FS;

  beforeAll(async () => {
    path = await make();
    await change?.(path);
    store = await GitStore.open(path, { create: false });
    main = await store.branches.get('main');
    return () => store.close();
  });

  it('is listed as it is logged', async () => {
    expect(await all(main.summaries(), shown)).toEqual(await all(main.log(), shownOf));
    expect(await all(store.summaries(), shown)).toEqual(await all(store.log(), shownOf));
  });

  it('is listed in the order of Git', async () => {
    const hashes = git(path, 'log', '--first-parent', '--format=%H', 'main').split('\n');
    expect(await all(main.summaries(), ({ commitHash }) => commitHash)).toEqual(hashes);
    const count = git(path, 'rev-list', '--count', '--branches');
    expect(await all(store.summaries(), shown)).toHaveLength(Number(count));
  });

  it.each([
    { author: 'bob' },
    { author: 'Ada <*' },
    { before: new Date(1_500_100_000_000) },
    { since: new Date(1_500_100_000_000), before: new Date(1_650_001_000_000) },
    { match: 'fix*' },
    { path: 'a' },
  ])('passes the filter %o', async (filter) => {
    expect(await all(main.summaries(filter), shown)).toEqual(await all(main.log(filter), shownOf));
    expect(await all(store.summaries(filter), shown)).toEqual(
      await all(store.log(filter), shownOf),
    );
  });

  it('stops when it is told to', async () => {
    const given = new AbortController();
    const seen = async (): Promise<void> => {
      let count = 0;
      for await (const _ of main.summaries({ signal: given.signal })) {
        if (++count === 50) given.abort(new Error('enough'));
      }
    };
    await expect(seen()).rejects.toThrow('enough');
  });
});

it('takes the summaries of a collection from its file', async () => {
  const path = await collectedHistory();
  changeSummaries(path, misspell, true);
  await using store = await GitStore.open(path, { create: false });
  const main = await store.branches.get('main');
  const subjects = await all(main.summaries(), ({ subject }) => subject);
  // The first ones are read.
  expect(subjects.slice(0, 2)).toEqual(['Plain 39', 'Plain 38']);
  expect(subjects.slice(38, 40)).toEqual(['Wrong 1', 'Wrong 0']);
});

it('is told as text and as JSON', async () => {
  await using store = await GitStore.open(oddHistory(), { create: false });
  const [summary] = await all(store.summaries(), (one) => one);
  const { commitHash } = summary!;
  expect(`${summary}`).toBe(`SnapshotSummary(${commitHash.slice(0, 7)})`);
  expect(inspect(summary)).toBe(`${summary}`);
  const seconds = 1_650_000_000 + 39 * 60;
  expect(JSON.parse(JSON.stringify(summary))).toEqual({
    ...{ commitHash, subject: 'Plain 39', time: new Date(seconds * 1000).toISOString() },
    ...{ timezoneOffset: 120, authorName: 'Ada', authorEmail: 'ada@example.org' },
  });
});

it('Git finds no fault with them, and writes a graph without them', async () => {
  const path = await collectedHistory();
  git(path, 'commit-graph', 'verify');
  expect(readFileSync(join(path, GRAPH)).includes('GSUM')).toBe(true);
  git(path, 'commit-graph', 'write', '--reachable');
  expect(readFileSync(join(path, GRAPH)).includes('GSUM')).toBe(false);
  await collect(path);
  expect(existsSync(join(path, GRAPH))).toBe(true);
  expect(readFileSync(join(path, GRAPH)).includes('GSUM')).toBe(true);
});

it('a graph that leads in circles is an error, not a loop', async () => {
  const path = await collectedHistory();
  const file = join(path, GRAPH);
  const bytes = readFileSync(file);
  const chunk = (name: string): number => bytes.readUInt32BE(bytes.indexOf(name) + 8);
  const rowOf = (commit: string): number => {
    const id = Buffer.from(git(path, 'rev-parse', commit), 'hex');
    return (bytes.indexOf(id, chunk('OIDL')) - chunk('OIDL')) / 20;
  };
  bytes.writeUInt32BE(rowOf('main'), chunk('CDAT') + rowOf('main~45') * 36 + 20);
  const body = bytes.subarray(0, -20);
  rmSync(file);
  writeFileSync(file, Buffer.concat([body, createHash('sha1').update(body).digest()]));
  await using store = await GitStore.open(path, { create: false });
  const main = await store.branches.get('main');
  await expect(all(main.summaries(), shown)).rejects.toThrow('lead in circles');
});

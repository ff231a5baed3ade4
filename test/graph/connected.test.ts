import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { checkConnected } from '../../src/graph/connected.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let source: string;

beforeAll(() => {
  source = join(scratchFolder(), 'source.git');
  gitBytes('.', ['init', '-q', '--bare', source]);
  let stream = '';
  for (let i = 0; i < 12; i++) {
    stream += `commit refs/heads/main\ncommitter T <t@localhost> ${1700000000 + i} +0000\n`;
    stream += `data 2\nv\nM 100644 inline a/f${i % 4}\ndata 3\n${i + 100}\n`;
    stream += `M 100644 inline b/c/g${i % 5}\ndata 3\n${i + 200}\n`;
  }
  gitBytes(source, ['fast-import', '--quiet'], Buffer.from(stream));
  git(source, 'tag', '-a', '-m', 'first', 'v1', 'main~3');
});

const id = (revision: string): string => git(source, 'rev-parse', revision);

/** A pack of the objects between revisions, less some. */
function packOf(revisions: readonly string[], less: readonly string[] = []): Buffer {
  const listed = gitBytes(source, ['rev-list', '--objects', ...revisions])
    .toString()
    .trim();
  const ids = listed.split('\n').map((line) => line.slice(0, 40));
  const input = Buffer.from(`${ids.filter((each) => !less.includes(each)).join('\n')}\n`);
  return gitBytes(source, ['pack-objects', '--stdout', '-q'], input);
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function take(store: Storage, pack: Buffer, tips: string[], haves: string[] = []) {
  return store.objects.importPack(whole(pack), {
    check: (incoming) => checkConnected(incoming, { tips, haves }),
  });
}

describe('a pack is connected', () => {
  test('when it holds everything', async () => {
    await take(createMemoryStorage(), packOf(['main', 'v1']), [id('main'), id('v1')]);
  });

  test('when the store has the rest, whether refs lead to it or not', async () => {
    for (const haves of [[], [id('main~4')]]) {
      const store = createMemoryStorage();
      await take(store, packOf(['main~4']), [id('main~4')]);
      await take(store, packOf(['main', '^main~4']), [id('main'), id('main~2')], haves);
      await take(store, packOf(['v1', '^main']), [id('v1'), id('main~8')], haves);
    }
  });
});

describe('a pack is not connected', () => {
  test('without the tip', async () => {
    const taken = take(createMemoryStorage(), packOf(['main~1']), [id('main')]);
    await expect(taken).rejects.toThrow(id('main'));
  });

  test.each(['main~2', 'main^{tree}', 'main~3:a', 'main:b/c', 'main:b/c/g1', 'main~11:a/f0'])(
    'without %s',
    async (revision) => {
      const store = createMemoryStorage();
      const taken = take(store, packOf(['main'], [id(revision)]), [id('main')]);
      await expect(taken).rejects.toThrow(CorruptObjectError);
      expect(await store.objects.has(id('main'))).toBe(false);
    },
  );

  test.each(['main~6', 'main~4:b', 'main~4:b/c', 'main~4:b/c/g1', 'main~9:a/f2'])(
    'when the store lacks %s',
    async (revision) => {
      const store = createMemoryStorage();
      await store.objects.importPack(whole(packOf(['main~4'], [id(revision)])));
      const taken = take(store, packOf(['main', '^main~4']), [id('main')]);
      await expect(taken).rejects.toThrow(id(revision));
    },
  );
});

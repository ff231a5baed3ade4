/** What people get: listings, files in a page, history, changes, and the way between them. */
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FS, GitStore } from '../../src/index.ts';
import { currentOf, memoryStore } from '../store/stores.ts';
import { Client } from './client.ts';

const NASTY = '<img src=x onerror=alert(1)>&"\'';

let store: GitStore;
/** Snapshots of `main`, oldest first. */
const past: FS[] = [];
let client: Client;

async function add(writes: Record<string, string | Uint8Array | null>, message: string) {
  const entries = Object.entries(writes);
  const fs = await (await currentOf(store)).apply({
    writes: Object.fromEntries(entries.filter(([, data]) => data !== null)) as Record<
      string,
      string
    >,
    removes: entries.filter(([, data]) => data === null).map(([path]) => path),
    message,
  });
  past.push(fs);
  return fs;
}

beforeAll(async () => {
  store = await memoryStore();
  past.push(await currentOf(store));
  await add({ 'docs/a.md': 'one\ntwo\nthree\n', 'docs/b.txt': 'b' }, 'First');
  await add({ 'docs/a.md': 'one\n2\nthree\n' }, 'Second');
  await add({ 'other.txt': 'o' }, 'Elsewhere');
  await add({ 'docs/a.md': 'one\n2\n3\n', 'docs/b.txt': null }, 'Third');
  await add(
    {
      [`odd/${NASTY}`]: '<script>alert(2)</script>',
      'odd/caf\udce9': 'x',
      'odd/new\nline': 'x',
      'odd/\u202ertl': 'x',
      'pic.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0]),
      'song.mp3': Buffer.from([0, 1]),
      'film.mp4': Buffer.from([0, 1]),
      'paper.pdf': Buffer.from('%PDF-1.4\0'),
      'pic.svg': '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>',
      'page.html': '<h1>&amp;</h1>',
      noise: Buffer.from([0, 255]),
      'long.txt': 'line\n'.repeat(2_000),
      empty: '',
    },
    `${NASTY}\n\nAnd ${NASTY} below`,
  );
  client = await Client.of(store, { title: 'The <store>' });
});

/** All links and sources of a page, unescaped. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/(?:href|src)="([^"#][^"]*)"/g)].map(([, url]) =>
    url!.replaceAll('&amp;', '&'),
  );
}

describe('every page', () => {
  it('runs no code, and shows names as text', async () => {
    for (const path of [
      '/',
      '/odd/',
      '/?history',
      `/?diff&to=${past.at(-1)!.commitHash}`,
      `/odd/${encodeURIComponent(NASTY)}?view`,
      `/${encodeURIComponent(NASTY)}`,
      '/pic.svg?view',
    ]) {
      const { text, headers } = await client.page(path);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain('unsafe');
      expect(text).not.toContain('<img src=x');
      expect(text).not.toMatch(/<script|onerror=a[^&]*>(?!.*&gt;)/);
      expect(text).toContain('<meta name="viewport"');
    }
    const { text } = await client.page('/odd/');
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;');
    expect(text).toContain('The &lt;store&gt;');
    // Neither broken bytes nor control characters reach the page as they are.
    expect(text).toContain('caf\ufffd');
    expect(text).toContain('new\u240aline');
    expect(text).toContain('href="/odd/caf%E9?view"');
  });

  it('leads only to what is there', { timeout: 60_000 }, async () => {
    const seen = new Set<string>();
    const open = ['/'];
    for (let url = open.pop(); url !== undefined && seen.size < 400; url = open.pop()) {
      if (seen.has(url)) continue;
      seen.add(url);
      const { status, headers, text } = await client.page(url);
      expect({ url, status }).toEqual({ url, status: 200 });
      if (
        !headers['content-type']?.startsWith('text/html') ||
        headers['content-security-policy']?.includes('sandbox')
      ) {
        continue;
      }
      open.push(...linksOf(text).filter((link) => link.startsWith('/')));
    }
    expect(seen.size).toBeGreaterThan(80);
    expect(client.faults).toEqual([]);
  });
});

describe('a listing', () => {
  it('has names, sizes, kinds, last changes and the way up', async () => {
    const { text } = await client.page('/docs/');
    const row = text.split('<tr>').find((part) => part.includes('a.md'))!;
    expect(row).toContain('href="/docs/a.md?view"');
    expect(row).toContain('8 B');
    expect(row).toContain('MD');
    expect(row).toContain('Third');
    expect(row).toContain('2024-01-01');
    expect(text).toContain('<a href="/" aria-label="Up">..</a>');
    expect(text).not.toContain('b.txt');
  });

  it('tells the change of each entry', async () => {
    const { text } = await client.page('/');
    const rows = text.split('<tr>').slice(2);
    const change = (name: string) =>
      /<td><a href="[^"]*diff[^"]*">([^<]*)<\/a>/.exec(
        rows.find((row) => row.includes(`<bdi>${name}`))!,
      )![1];
    expect(change('docs')).toBe('Third');
    expect(change('other.txt')).toBe('Elsewhere');
  });

  it('is cut into pages when it is long', async () => {
    const own = await memoryStore();
    const writes = Object.fromEntries(Array.from({ length: 2345 }, (_, i) => [`f${i}`, 'x']));
    await (await currentOf(own)).apply({ writes });
    const asked = await Client.of(own);
    const names = new Set<string>();
    for (let page = 1; page <= 24; page++) {
      const { text } = await asked.page(`/${page === 1 ? '' : `?page=${page}`}`);
      const found = [...text.matchAll(/href="\/(f\d+)\?view"/g)].map(([, name]) => name!);
      expect(found.length).toBeLessThanOrEqual(100);
      for (const name of found) names.add(name);
      expect(text).toContain('of 24 · 2345 entries');
    }
    expect(names.size).toBe(2345);
    for (const query of ['?page=99', '?page=-1', '?page=x', '?page=1e9']) {
      expect((await asked.page(`/${query}`)).status).toBe(200);
    }
  });

  it('of an empty store', async () => {
    const asked = await Client.of(await memoryStore());
    expect((await asked.page('/')).text).toContain('There is nothing here.');
  });

  it('of a store whose branch has no commit, until it has one', async () => {
    const store = await memoryStore();
    const fs = await currentOf(store);
    await store.branches.delete('main', { force: true });
    const asked = await Client.of(store);
    const { status, text } = await asked.page('/');
    expect(status).toBe(404);
    expect(text).toContain('<h1>Nothing here yet</h1>');
    expect(text).toContain('Branch &#39;main&#39; has no commit yet.');
    await (await store.branches.set('main', fs)).write('first', '1');
    expect((await asked.page('/')).text).toContain('first');
    expect(asked.faults).toEqual([]);
  });
});

describe('a file in a page', () => {
  it.each([
    ['/docs/a.md', '<p>one\n2\n3</p>'],
    ['/pic.png', '<img alt="" src="/pic.png">'],
    ['/song.mp3', '<audio controls preload="metadata" src="/song.mp3">'],
    ['/film.mp4', '<video controls preload="metadata" src="/film.mp4">'],
    ['/paper.pdf', '<iframe title="PDF" src="/paper.pdf">'],
    ['/pic.svg', '<img alt="" src="/pic.svg">'],
    ['/pic.svg', '&lt;script&gt;alert(3)'],
    ['/page.html', '&lt;h1&gt;&amp;amp;&lt;/h1&gt;'],
    ['/noise', 'No preview'],
    ['/empty', 'The file is empty.'],
    ['/long.txt', '<a id=L2 href=#L2 tabindex=-1>2</a>line\n'],
    ['/long.txt', 'lines 1 to 553 of 2000 lines'],
  ])('%s', async (path, part) => {
    const { text } = await client.page(`${path}?view`);
    // Without the colours.
    expect(text.replace(/<i class=\w>|<\/i>/g, '')).toContain(part);
    expect(linksOf(text)).toEqual(
      expect.arrayContaining([path, `${path}?download`, `${path}?history`]),
    );
  });

  it('a directory has none', async () => {
    expect((await client.page('/docs?view')).text).toContain('class="ls"');
  });
});

describe('the way through history', () => {
  /** The target of a button; undefined where it leads nowhere. */
  function step(text: string, label: string): string | undefined {
    return new RegExp(`<a class="btn" href="([^"]*)"[^>]*>${label}`)
      .exec(text)?.[1]
      ?.replaceAll('&amp;', '&');
  }

  it('leads back over each change of a file, and forward again', async () => {
    const seen: string[] = [];
    let url: string | undefined = '/docs/a.md?view';
    let last = url;
    while (url !== undefined) {
      last = url;
      const { text } = await client.page(url);
      seen.push(/class="snap"><span class="msg"><a[^>]*>([^<]*)/.exec(text)![1]!);
      url = step(text, '← Older');
    }
    expect(seen).toEqual(['Third', 'Second', 'First']);
    const forward: string[] = [];
    url = last;
    while (url !== undefined) {
      const { text } = await client.page(url);
      forward.push(/class="snap"><span class="msg"><a[^>]*>([^<]*)/.exec(text)![1]!);
      url = step(text, 'Newer →');
    }
    expect(forward).toEqual(['First', 'Second', 'Third']);
  });

  it('of a directory, and with the files as they were', async () => {
    const { text } = await client.page('/docs/');
    const older = step(text, '← Older')!;
    const page = (await client.page(older)).text;
    expect(page).toContain('b.txt');
    expect(page).toContain('An older snapshot');
    const at = `?at=${past[2]!.commitHash}`;
    expect(older).toBe(`/docs/${at}`);
    expect((await client.ask(`/docs/a.md${at}`)).text).toBe('one\n2\nthree\n');
    expect(await client.json(`/docs${at}`)).toMatchObject({ entries: ['a.md', 'b.txt'] });
  });

  it('lists every snapshot that changed a path, and the rest is on more pages', async () => {
    const { text } = await client.page('/docs/a.md?history');
    const messages = [...text.matchAll(/<span class="msg"><a[^>]*>([^<]*)/g)].map(
      ([, name]) => name,
    );
    expect(messages).toEqual(['Third', 'Second', 'First']);
    const own = await memoryStore();
    for (let i = 0; i < 120; i++)
      await (await currentOf(own)).writeText('n', String(i), { message: `c${i}` });
    const asked = await Client.of(own);
    let url: string | undefined = '/n?history';
    const found: string[] = [];
    for (; url !== undefined; ) {
      const page = (await asked.page(url)).text;
      found.push(
        ...[...page.matchAll(/<span class="msg"><a[^>]*>([^<]*)/g)].map(([, name]) => name!),
      );
      url = step(page, 'Older →');
    }
    expect(found).toEqual(Array.from({ length: 120 }, (_, i) => `c${119 - i}`));
  });

  it('a path that is gone still has its history', async () => {
    const { text } = await client.page('/docs/b.txt?history');
    expect(text).toContain('Third');
    expect(text).toContain('First');
    expect(text).toContain('removed');
  });

  it('ends at the snapshot that is served', async () => {
    const asked = await Client.of(store, { snapshot: past[2]!.commitHash });
    const newer = past[4]!.commitHash;
    for (const query of [
      `at=${newer}`,
      `view&at=${newer}`,
      `diff&from=${newer}`,
      `diff&to=${newer}`,
      `history&from=${newer}`,
    ]) {
      expect((await asked.ask(`/docs/a.md?${query}`)).status).toBe(404);
    }
    expect((await asked.page('/docs/a.md?view')).text).not.toContain('Third');
    expect((await asked.ask(`/docs/a.md?at=${past[1]!.commitHash}`)).text).toBe(
      'one\ntwo\nthree\n',
    );
  });

  it.each(['', 'x', 'main', '0'.repeat(40), '../..', "'"])('?at=%s is not in it', async (at) => {
    expect((await client.ask(`/docs/a.md?at=${encodeURIComponent(at)}`)).status).toBe(404);
  });

  it('commits of other branches are not in it', async () => {
    const other = await store.branches.set('secret', past[0]!);
    const hidden = await other.writeText('docs/a.md', 'hidden');
    expect((await client.ask(`/docs/a.md?at=${hidden.commitHash}`)).status).toBe(404);
    expect((await client.ask(`/?diff&to=${hidden.commitHash}`)).status).toBe(404);
  });
});

describe('changes', () => {
  it('between two snapshots: files and lines', async () => {
    const [from, to] = [past[1]!.commitHash, past[4]!.commitHash];
    const { text } = await client.page(`/?diff&from=${from}&to=${to}`);
    expect(text).toContain('3 files');
    for (const [status, path] of [
      ['M', 'docs/a.md'],
      ['D', 'docs/b.txt'],
      ['A', 'other.txt'],
    ]) {
      expect(text).toMatch(
        new RegExp(`class="st ${status}"[^>]*>${status}</span><bdi>${path}</bdi>`),
      );
    }
    expect(text).toContain('<tr class=del><td>2<td><td>−<td>two<');
    expect(text).toContain('<tr class=add><td><td>3<td>+<td>3<');
    expect(text).toContain('+2</span> <span class="minus">−2');
  });

  it('of one path only, and of its last change by itself', async () => {
    const { text } = await client.page('/docs/a.md?diff');
    expect(text).toContain('1 file');
    expect(text).toContain('<h2>Third</h2>');
    expect(text).not.toContain('b.txt');
  });

  it('of a first snapshot, and from nothing', async () => {
    const first = await client.page(`/?diff&to=${past[0]!.commitHash}`);
    expect(first.text).toContain('Nothing differs here.');
    const all = await client.page(`/?diff&from=&to=${past[1]!.commitHash}`);
    expect(all.text).toContain('2 files');
    // As Git and diff write it where one side has no lines.
    expect(all.text).toContain('@@ −0,0 +1,');
    const none = await client.page(`/?diff&from=${past[1]!.commitHash}&to=${past[0]!.commitHash}`);
    expect(none.text).toMatch(/@@ −1,\d+ \+0,0 @@/);
  });

  it('of what is no text tells the sizes, and shows pictures', async () => {
    const { text } = await client.page(`/?diff&to=${past.at(-1)!.commitHash}`);
    expect(text).toContain('It is not text');
    expect(text).toContain(`<img alt="Added" src="/pic.png?at=${past.at(-1)!.commitHash}">`);
    expect(text).toContain('below</pre>');
  });

  it('of a snapshot whose hash is also the name of a ref', async () => {
    const hash = past[1]!.commitHash;
    const before = await client.page(`/?diff&to=${hash}`);
    await store.tags.set(hash, past.at(-1)!);
    onTestFinished(async () => {
      await store.tags.delete(hash);
    });
    expect((await client.page(`/?at=${hash}`)).status).toBe(200);
    expect((await client.page(`/?diff&to=${hash}`)).text).toBe(before.text);
  });

  it('of large and very different texts end in time', async () => {
    const own = await memoryStore();
    const noise = (seed: number) =>
      Array.from(
        { length: 20_000 },
        (_, i) => `${(i * seed) % 9973} ${(i * i * seed) % 7919}`,
      ).join('\n');
    await (await currentOf(own)).writeText('n', noise(3));
    await (await currentOf(own)).writeText('n', noise(7));
    const { text } = await (await Client.of(own)).page('/n?diff');
    expect(text).toContain('differ too much');
  });
});

it('a search through a long history lets others have their turn, and can be ended', async () => {
  const own = await memoryStore();
  let fs = await currentOf(own);
  for (let i = 0; i < 60; i++) fs = await fs.writeText('n', String(i));
  // Each look at the clock finds that ten milliseconds have gone by.
  let time = 0n;
  const clock = vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => {
    time += 10_000_000n;
    return time;
  });
  onTestFinished(() => clock.mockRestore());
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const search = async () => {
    for await (const _ of fs.log({ path: 'none', signal: controller.signal })) throw new Error();
  };
  await expect(search()).rejects.toMatchObject({ name: 'AbortError' });
});

it('pages have tags that follow what is on them', async () => {
  const own = await memoryStore();
  await (await currentOf(own)).writeText('a', '1');
  const asked = await Client.of(own);
  const tags = new Map<string, string>();
  for (const path of ['/', '/a?view', '/?history', '/a?diff']) {
    const { headers } = await asked.page(path);
    tags.set(path, String(headers.etag));
    const again = { accept: 'text/html', 'if-none-match': String(headers.etag) };
    expect((await asked.ask(path, again)).status).toBe(304);
  }
  await (await currentOf(own)).writeText('b', '2');
  for (const [path, tag] of tags) {
    const again = { accept: 'text/html', 'if-none-match': tag };
    expect((await asked.ask(path, again)).status).toBe(200);
  }
});

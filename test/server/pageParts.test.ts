/** The parts of pages: colours, Markdown, search, time line, zip files, permalinks, and how long pages are. */
import fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type FS, GitStore } from '../../src/index.ts';
import { runs, stress } from '../crash/stress.ts';
import { createBucket } from '../storage/places.ts';
import { currentOf, filesOf, memoryStore, steadyOptions } from '../store/stores.ts';
import { Client } from './client.ts';

type Writes = Record<string, string | Uint8Array>;

async function served(
  writes: Writes,
  message = 'All',
): Promise<{ store: GitStore; client: Client }> {
  const store = await memoryStore();
  await (await currentOf(store)).apply({ writes, message });
  return { store, client: await Client.of(store, { title: 'notes' }) };
}

/** What a page says between its header and its footer. */
function mainOf(text: string): string {
  return /<main id="content">\n(.*)\n<\/main>/s.exec(text)![1]!;
}

function linkTo(text: string, label: string): string | undefined {
  return new RegExp(`<a class="btn" href="([^"]*)"[^>]*>${label}`)
    .exec(text)?.[1]
    ?.replaceAll('&amp;', '&')
    .replace(/#.*/, '');
}

/** All pages of a kind, by the button that leads to the next. */
async function pagesFrom(client: Client, start: string): Promise<string[]> {
  const pages: string[] = [];
  for (let url: string | undefined = start; url !== undefined; ) {
    const { status, text } = await client.page(url);
    expect({ url, status }).toEqual({ url, status: 200 });
    pages.push(text);
    url = linkTo(text, 'Next →');
  }
  return pages;
}

describe('colours', () => {
  let client: Client;
  beforeAll(async () => {
    const code = Array.from({ length: 600 }, (_, i) => `const n${i} = "${i}"; // <b>`).join('\n');
    ({ client } = await served({
      'a.ts': '/* one\n   two */\nconst a = `x\n`;\n',
      'page.html': '<script>\nlet a = "</p>";\n</script>\n',
      'long.ts': code,
      'huge.json': `"${'x'.repeat(100_000)}"`,
      Dockerfile: 'FROM scratch\n',
      'plain.xyz': 'const a = 1;\n',
      latin1: Buffer.from('caf\xe9 <\n', 'latin1'),
      'utf16.txt': Buffer.from('\ufeffGrüße\n', 'utf16le'),
      'big.txt': 'x'.repeat(1 << 20),
      'bigger.txt': 'line\n'.repeat(300_000),
    }));
  });
  const shown = async (path: string) => mainOf((await client.page(`${path}?view`)).text);

  it('end with each line and go on in the next', async () => {
    const text = await shown('/a.ts');
    expect(text).toContain('<i class=c>/* one</i>\n');
    expect(text).toContain('<i class=c>   two */</i>\n');
    expect(text).toContain('<i class=k>const</i> a = <i class=s>`x');
    expect(text).toMatch(/<\/a><i class=s>`<\/i>;\n/);
    expect(await shown('/page.html')).toContain('&lt;<i class=f>script</i>&gt;');
    expect(await shown('/Dockerfile')).toContain('<i class=k>FROM</i>');
    expect(await shown('/plain.xyz')).toContain('>1</a>const a = 1;');
  });

  it('a long text is on several pages, each line once', async () => {
    const pages = await pagesFrom(client, '/long.ts?view');
    expect(pages.length).toBeGreaterThan(2);
    const numbers = pages.flatMap((text) =>
      [...text.matchAll(/id=L(\d+) /g)].map(([, n]) => Number(n)),
    );
    expect(numbers).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
    const { text } = await client.page('/long.ts?view&line=400');
    expect(text).toMatch(/<code><span><a id=L400 href=#L400/);
    expect(linkTo(text, '← Previous')).toMatch(/line=\d+$/);
    for (const line of ['0', '-1', 'x', '1e9', '601']) {
      expect((await client.page(`/long.ts?view&line=${line}`)).status).toBe(200);
    }
  });

  it('are those of the changes of code', async () => {
    const { store, client } = await served({
      'a.ts': '/* one\n   two */\nlet a = 1;\n',
      'prose.txt': 'let a = 1;\n',
      'cr.ts': 'let a = 1;\rlet b;\n',
    });
    const fs = await currentOf(store);
    await fs.apply({
      writes: {
        'a.ts': '/* one\r\n   two <b> */\r\nlet a = 2;\n',
        'prose.txt': 'let a = 2;\n',
        'cr.ts': 'let a = 2;\rlet b;\n',
      },
    });
    const text = mainOf((await client.page('/?diff')).text);
    expect(text).toContain('<td>−<td><i class=c>   two */</i>');
    expect(text).toContain('<td>+<td><i class=c>   two &lt;b&gt; */</i>');
    expect(text).toContain('<td>+<td><i class=k>let</i> a = <i class=n>2</i>;');
    expect(text).toMatch(/<td>\+<td>let a = 2;</);
    expect(text).toContain('<td>+<td>let a = 2;\rlet b;');
  });

  it('a text in another encoding shows its letters', async () => {
    expect(await shown('/latin1')).not.toContain('\ufffd');
    expect(await shown('/utf16.txt')).toContain('Grüße');
    expect(await shown('/utf16.txt')).toContain('shown as UTF-16');
  });

  it('what is too long is cut, and says so', async () => {
    expect(await shown('/huge.json')).toContain('and 96002 more characters');
    expect(await shown('/big.txt')).toContain('more characters');
    expect(await shown('/bigger.txt')).toContain('The first 1.0 MB of 1.5 MB');
  });
});

describe('a README', () => {
  let store: GitStore;
  let empty: FS;
  let client: Client;
  beforeAll(async () => {
    store = await memoryStore();
    empty = await currentOf(store);
    client = await Client.of(store, { title: 'notes' });
  });
  /** The README on the page of a folder, in a snapshot that holds these files. */
  const below = async (writes: Writes, url = '/'): Promise<string | undefined> => {
    await (await store.branches.set('main', empty)).apply({ writes, message: 'All' });
    return /<section class="box readme".*<\/section>/s.exec((await client.page(url)).text)?.[0];
  };

  it('is shown below the listing of its folder, Markdown first', async () => {
    const section = await below({ 'd/readme.md': '# Hello *you*', 'd/README': 'no' }, '/d/');
    expect(section).toContain('<h2 id="md-hello-you">Hello <em>you</em></h2>');
    expect(section).toContain('<a href="/d/readme.md?view">readme.md</a>');
    expect(await below({ 'd/README': '<b>' }, '/d/')).toContain(
      '<pre class="plain">&lt;b&gt;</pre>',
    );
    expect(await below({ 'd/README.md': 'x' })).toBeUndefined();
    expect(await below({ 'README.md': Buffer.from([0]) })).toBeUndefined();
    expect(await below({ 'README.md/x': 'a folder' })).toBeUndefined();
  });

  it.each([
    ['[a](b.txt)', '<a href="/docs/b.txt?view">'],
    ['[a](./sub/)', '<a href="/docs/sub/">'],
    ['[a](../other.md#Some-Part)', '<a href="/other.md?view#md-Some-Part">'],
    ['[a](/top.c#L3)', '<a href="/top.c?view#L3">'],
    ['[a](..)', '<a href="/">'],
    ['[a](../../out)', '<a>'],
    ['[a](#part)', '<a href="#md-part">'],
    ['[a](caf%C3%A9%20x.txt?raw=1)', '<a href="/docs/caf%C3%A9%20x.txt?view">'],
    ['[a](<a b&c>)', '<a href="/docs/a%20b%26c?view">'],
    ['[a](%zz)', '<a>'],
    [
      '[a](https://example.org/?a=1&b)',
      'href="https://example.org/?a=1&amp;b" rel="noopener noreferrer nofollow"',
    ],
    ['[a](//example.org/x)', 'href="https://example.org/x" rel='],
    ['[a](javascript:alert%281%29)', '<a>'],
    ['<a href="java\nscript:alert(1)">', '<a>'],
    ['<a href=" data:text/html,x">', '<a>'],
    ['![p](pic.png)', '<img src="/docs/pic.png" alt="p" loading="lazy">'],
    ['![p](../a/pic.png)', '<img src="/a/pic.png" alt="p" loading="lazy">'],
    ['![p](https://example.org/p.png)', '<p>p</p>'],
    ['![p](//example.org/p.png)', '<p>p</p>'],
    ['![p](data:image/png;base64,AA)', '<p>p</p>'],
    [
      '<img src="p.png" width="20" onerror="x" srcset="//e.org/x 2x">',
      '<img src="/docs/p.png" alt="" loading="lazy" width="20">',
    ],
  ])('%s leads within the snapshot', async (markdown, part) => {
    expect(await below({ 'docs/README.md': markdown }, '/docs/')).toContain(part);
  });

  it('of an older snapshot leads within that', async () => {
    const { store, client } = await served({ 'README.md': '[a](b) ![p](p.png)', b: '' });
    const old = (await currentOf(store)).commitHash;
    await (await currentOf(store)).writeText('b', 'new');
    const { text } = await client.page(`/?at=${old}`);
    expect(text).toContain(`<a href="/b?view&amp;at=${old}">`);
    expect(text).toContain(`<img src="/p.png?at=${old}"`);
  });

  it('is shown plain where it cannot be rendered', async () => {
    const { client } = await served({ 'README.md': '>'.repeat(20_000), 'x.md': 'x' });
    const { text } = await client.page('/');
    expect(text).toContain('<pre class="plain">&gt;&gt;');
    expect((await client.page('/x.md?view')).text).toContain('<p>x</p>');
    expect(client.faults).toEqual([]);
  });

  it.runIf(stress)('that would take minutes is given up once', async () => {
    const { client } = await served({ 'README.md': `a**b${'c*'.repeat(100_000)}` });
    const { text } = await client.page('/');
    expect(text).toContain('<pre class="plain">a**b');
    expect((await client.page('/?again')).text).toContain('<pre class="plain">a**b');
  });

  const TAGS =
    'a b script style svg iframe img div table td form input p h1 li ul math template details object'.split(
      ' ',
    );
  const ATTRIBUTES = [
    'onclick',
    'style',
    'href',
    'src',
    'id',
    'class',
    'srcdoc',
    'xlink:href',
    'align',
    'name',
  ];
  const piece = fc.oneof(
    fc.constantFrom(
      '\n\n',
      ' ',
      '```js\n',
      '`',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?x',
      '*',
      '> ',
      '- ',
      '|a|\n|-|\n',
      '[a](',
      '![',
      '](',
      ')',
      '"',
      "'",
      '&lt;',
      '&#106;',
      '\0',
      '\ud800',
      '<',
      '>',
      '</',
    ),
    fc
      .tuple(
        fc.constantFrom(...TAGS),
        fc.constantFrom(...ATTRIBUTES),
        fc.constantFrom(
          'x',
          'javascript:alert(1)',
          '//e.org/x',
          'https://e.org/x',
          'a"onload=x',
          '&#x6A;avascript:x',
        ),
      )
      .map(([tag, name, value]) => `<${tag} ${name}="${value}">`),
    fc.constantFrom(...TAGS).map((tag) => `</${tag}>`),
    fc.string({ maxLength: 8 }),
  );

  it('lets nothing through that runs, styles, or loads from elsewhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const section = (await below({ 'README.md': pieces.join('') })) ?? '';
        const open: string[] = [];
        const parser = new Parser({
          onopentag(name, attributes) {
            if (!/^(?:br|hr|img)$/.test(name)) open.push(name);
            expect([
              'script',
              'style',
              'svg',
              'iframe',
              'form',
              'math',
              'template',
              'object',
              'input',
            ]).not.toContain(name);
            for (const [key, value] of Object.entries(attributes)) {
              expect(key).not.toMatch(/^on|^style$|^srcdoc$|^name$|:/);
              if (key === 'src') expect(value).toMatch(/^\/(?!\/)/);
              if (key === 'href') expect(value).toMatch(/^\/(?!\/)|^#|^https:\/\/e\.org\//);
              if (key === 'id') expect(value).toMatch(/^md-|^readme$/);
            }
          },
          onclosetag(name, implied) {
            if (/^(?:br|hr|img)$/.test(name)) return;
            expect(implied).toBe(false);
            expect(open.pop()).toBe(name);
          },
        });
        parser.end(section);
        expect(open).toEqual([]);
      }),
      { numRuns: runs(250) },
    );
  });
});

describe('the search', () => {
  let client: Client;
  let first: FS;
  beforeAll(async () => {
    const made = await served({
      'src/tree/walk.ts': '',
      'src/tree/README.md': '',
      'src/Tree.ts': '',
      'docs/tree walk.md': '',
      'docs/caf\udce9.txt': '',
      '<b>&/x.ts': '',
    });
    client = made.client;
    first = await currentOf(made.store);
    await first.remove('src/Tree.ts');
  });
  const found = async (query: string, at = '/') => {
    const { text } = await client.page(`${at}?find=${encodeURIComponent(query)}`);
    const rows = [...text.matchAll(/<tr><td class="(\w)"><a href="[^"]*">(.*?)<\/a>/g)];
    return rows.map(([, kind, name]) => `${kind} ${name!.replace(/<\/?\w+>/g, '')}`);
  };

  it('finds every word, whatever its capitals, names before folders', async () => {
    expect(await found('TREE')).toEqual([
      'd src/tree/',
      'f docs/tree walk.md',
      'f src/tree/walk.ts',
      'f src/tree/README.md',
    ]);
    expect(await found('walk  tree')).toEqual(['f docs/tree walk.md', 'f src/tree/walk.ts']);
    expect(await found('walk', '/src/')).toEqual(['f tree/walk.ts']);
    expect(await found('none')).toEqual([]);
    expect(await found('')).toEqual([]);
    expect(await found('<b>')).toEqual(['d &lt;b&gt;&amp;/', 'f &lt;b&gt;&amp;/x.ts']);
    expect(await found('caf')).toEqual(['f docs/caf\ufffd.txt']);
  });

  it('takes patterns', async () => {
    expect(await found('*.MD')).toEqual(['f docs/tree walk.md', 'f src/tree/README.md']);
    expect(await found('src/*/w*')).toEqual(['f src/tree/walk.ts']);
    expect(await found('[')).toEqual([]);
  });

  it('looks in the snapshot that is shown', async () => {
    const { text } = await client.page(`/?find=Tree.ts&at=${first.commitHash}`);
    expect(text).toContain(`/src/Tree.ts?view&amp;at=${first.commitHash}`);
    expect(text).toContain(`<input type="hidden" name="at" value="${first.commitHash}">`);
    expect(text).toContain('value="Tree.ts"');
  });

  it('answers programs in JSON', async () => {
    expect(await client.json('/?find=walk')).toEqual({
      path: '',
      ref: 'main',
      find: 'walk',
      entries: ['src/tree/walk.ts', 'docs/tree walk.md'],
      count: 2,
      complete: true,
      type: 'search',
    });
    expect(await client.json('/src/?find=tree')).toMatchObject({
      path: 'src',
      entries: ['tree/', 'tree/walk.ts', 'tree/README.md'],
    });
    expect(await client.json(`/?find=Tree.ts&at=${first.commitHash}`)).toMatchObject({
      ref: first.commitHash,
      entries: ['src/Tree.ts'],
    });
    expect(await client.json('/?find=')).toMatchObject({ entries: [], count: 0 });
    const many = await served(
      Object.fromEntries(Array.from({ length: 1100 }, (_, i) => [`d/name ${i}`, ''])),
    );
    const found = (await many.client.json('/?find=name')) as { entries: string[]; count: number };
    expect([found.entries.length, found.count]).toEqual([1000, 1100]);
  });

  it('that ran out of time is not kept as the answer', async () => {
    const many = await served(
      Object.fromEntries(Array.from({ length: 4200 }, (_, i) => [`d/name ${i}`, ''])),
    );
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 3000));
    const cut = await many.client.ask('/?find=name', { accept: 'application/json' });
    const page = await many.client.ask('/?find=name', { accept: 'text/html' });
    clock.mockRestore();
    for (const { headers } of [cut, page]) {
      expect(headers.etag).toBeUndefined();
      expect(headers['cache-control']).toBe('no-store');
    }
    expect(JSON.parse(cut.text)).toMatchObject({ complete: false });
    const whole = await many.client.ask('/?find=name', { accept: 'application/json' });
    expect(JSON.parse(whole.text)).toMatchObject({ complete: true, count: 4200 });
    expect(whole.headers.etag).toBeDefined();
  });

  it('of a file is no search', async () => {
    expect((await client.ask('/docs/tree%20walk.md?find=x')).text).toBe('');
  });
});

describe('a folder as a zip file', () => {
  it('has what the folder has', async () => {
    const writes = {
      'd/a.txt': 'a'.repeat(5000),
      'd/sub/é.txt': 'é',
      'other.txt': 'o',
      'd/empty': '',
    };
    const { store, client } = await served(writes);
    const { commitHash } = await currentOf(store);
    const answer = await client.ask('/d?zip');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="d-${commitHash.slice(0, 7)}.zip"`,
    });
    const unpacked = await (await currentOf(await memoryStore())).archiveIn(answer.body);
    expect(await filesOf(unpacked)).toEqual({
      'a.txt': 'a'.repeat(5000),
      'sub/é.txt': 'é',
      empty: '',
    });
    const whole = await client.ask('/?zip');
    const all = await (await currentOf(await memoryStore())).archiveIn(whole.body);
    expect(await filesOf(all)).toEqual(writes);
    expect(whole.headers['content-disposition']).toContain('notes-');

    const tag = String(answer.headers.etag);
    expect((await client.ask('/d?zip', { 'if-none-match': tag })).status).toBe(304);
    expect(await client.ask('/d?zip', {}, 'HEAD')).toMatchObject({ status: 200, text: '' });
    expect((await client.ask('/d/a.txt?zip')).text).toBe(writes['d/a.txt']);
    expect((await client.ask('/none?zip')).status).toBe(404);
    const limited = await Client.of(store, { maxFileSize: 4000 });
    expect((await limited.ask('/d?zip')).status).toBe(413);
    expect((await limited.ask('/d/sub?zip')).status).toBe(200);
    expect(client.faults).toEqual([]);
  });
});

describe('a permalink', () => {
  it('leads to the same page when more is committed', async () => {
    const { store, client } = await served({ 'd/a.md': 'one', 'd/b.txt': 'b' });
    await (await currentOf(store)).writeText('d/a.md', 'two');
    const before = new Map<string, string>();
    for (const path of [
      '/',
      '/d/',
      '/d/a.md?view',
      '/d/a.md?view&source',
      '/d/?find=a',
      '/?history',
      '/d/a.md?diff',
      '/d/b.txt?history',
    ]) {
      const { text } = await client.page(path);
      before.set(linkTo(text, 'Permalink')!, mainOf(text));
    }
    await (await currentOf(store)).apply({ writes: { 'd/a.md': 'three', 'd/c.txt': 'c' } });
    /** Links to the snapshot that was the newest one name it now. */
    const plain = (text: string) =>
      text.replace(/ href="[^"]*"/g, '').replace(/<span class="btn off[^<]*<\/span>/g, '');
    for (const [url, main] of before) {
      expect(url).toMatch(/[?&](?:at|to)=[0-9a-f]{40}/);
      const { status, text } = await client.page(url);
      expect({ url, status }).toEqual({ url, status: 200 });
      expect(plain(mainOf(text))).toBe(plain(main));
    }
  });
});

describe('the time line', () => {
  it('has a bar for each time with snapshots, each the way to them', async () => {
    let day = 0;
    const store = await memoryStore({ now: () => Date.UTC(2024, 0, 1 + day) });
    for (const next of [0, 1, 1, 5, 40]) {
      day = next;
      await (await currentOf(store)).writeText('n', `${next} ${Math.random()}`);
    }
    const client = await Client.of(store);
    const { text } = await client.page('/?history');
    expect(text).toContain('6 snapshots, by day');
    const bars = [...text.matchAll(/<a href="([^"]*)"><title>([^<]*)<\/title>/g)];
    expect(bars.map(([, , label]) => label)).toEqual([
      '2024-01-01: 2 snapshots',
      '2024-01-02: 2 snapshots',
      '2024-01-06: 1 snapshot',
      '2024-02-10: 1 snapshot',
    ]);
    const older = await client.page(bars[1]![1]!.replaceAll('&amp;', '&'));
    expect(older.text.match(/<section class="day">/g)).toHaveLength(2);
    expect(older.text).toContain('class="on"><title>2024-01-02');
    expect((await client.page('/n?history')).text).not.toContain('Time line');
  });
});

it('snapshots of a newer tip are counted on from those of the one before', async () => {
  const store = await memoryStore();
  let fs = await currentOf(store);
  for (let i = 0; i < 600; i++) fs = await fs.writeText('n', String(i));
  const client = await Client.of(store);
  const counted = async (url = '/?history') =>
    /(\d+) snapshots, by/.exec((await client.page(url)).text)?.[1];
  const all = async (count: string) => {
    for (let i = 0; i < 20 && (await counted()) !== count; i++);
    return counted();
  };
  expect(await all('601')).toBe('601');
  await fs.writeText('m', 'x');
  expect(await all('602')).toBe('602');
  // What lies behind the older tip is found through the newer one.
  const { commitHash } = (await fs.back(600))!;
  expect((await client.ask(`/?at=${commitHash}`)).status).toBe(200);
  expect((await client.ask(`/?at=${'0'.repeat(40)}`)).status).toBe(404);
});

it('pictures that changed stand side by side', async () => {
  const { store, client } = await served({ 'p.png': Buffer.from([1]) });
  await (await currentOf(store)).write('p.png', Buffer.from([1, 2]));
  const { text } = await client.page('/p.png?diff');
  expect(text).toMatch(
    /<div class="media two"><figure>.*alt="Before" src="\/p\.png\?at=[0-9a-f]{40}".*Before · 1 B.*alt="After" src="\/p\.png\?at=[0-9a-f]{40}".*After · 2 B/,
  );
});

describe('a page has less than 50 kB', () => {
  const SMALL = 50_000;
  let client: Client;
  let all: Client;
  beforeAll(async () => {
    const long = 'a name that is as long as names usually are not';
    const { store, client: made } = await served({
      ...Object.fromEntries(
        Array.from({ length: 400 }, (_, i) => [`many/${long} ${i}.ts`, `let a = ${i};\n`]),
      ),
      'many/README.md': Array.from({ length: 3000 }, (_, i) => `- item ${i} of a *long* list`).join(
        '\n',
      ),
      'code.ts': Array.from(
        { length: 1500 },
        (_, i) => `export const name${i}: Record<string, number> = { a: ${i}, b: "x" }; // & so on`,
      ).join('\n'),
      'line.js': `a="${'<&"'.repeat(20_000)}"`,
      'table.md': `| a | b |\n|---|---|\n${'| some text | `code` & more |\n'.repeat(2000)}`,
    });
    let fs = await currentOf(store);
    for (let i = 0; i < 60; i++)
      fs = await fs.writeText('code.ts', `${i}\n`, {
        message: `${i} ${'and so on '.repeat(30)}\n\n${'body '.repeat(5000)}`,
      });
    fs = await fs.writeText(
      'code.ts',
      Array.from({ length: 4000 }, (_, i) => `line ${i}`).join('\n'),
    );
    for (let i = 0; i < 120; i++) await store.tags.set(`v1.0.${i}`, fs);
    client = made;
    all = await Client.of(store, { all: true });
  });

  it.each([
    '/',
    '/many/',
    '/many/?page=3',
    '/many/README.md?view',
    '/many/README.md?view&source',
    '/code.ts?view',
    '/line.js?view',
    '/table.md?view',
    '/?history',
    '/code.ts?history',
    '/?diff',
    '/code.ts?diff',
    '/?find=a',
    '/many/?find=name',
    '/none',
  ])('%s', async (path) => {
    for (const [asked, url] of [
      [client, path],
      [all, `/main${path}`],
    ] as const) {
      const { body } = await asked.page(url);
      expect(body.length).toBeLessThan(SMALL);
    }
  });

  it('of changes, which are on several pages then', async () => {
    const [first] = [...(await client.page('/?history')).text.matchAll(/to=([0-9a-f]{40})/g)].slice(
      -1,
    );
    const bodies = [];
    for (const url of ['/code.ts?diff', `/?diff&from=&to=${first![1]}`]) {
      const pages = await pagesFrom(client, url);
      expect(pages.length).toBeGreaterThan(3);
      bodies.push(pages.join(''));
      for (const text of pages) expect(Buffer.byteLength(text)).toBeLessThan(SMALL);
    }
    expect(new Set(bodies[0]!.match(/<td>\+<td>line <i class=n>\d+/g)).size).toBe(4000);
    expect(new Set(bodies[1]!.match(/<details class="file" open><summary>.*?<\/bdi>/g)).size).toBe(
      404,
    );
  });

  it('of refs', async () => {
    const pages = await pagesFrom(all, '/');
    expect(pages).toHaveLength(3);
    for (const text of pages) expect(Buffer.byteLength(text)).toBeLessThan(SMALL);
    expect(new Set(pages.join('').match(/<bdi>v1\.0\.\d+<\/bdi>/g)).size).toBe(120);
  });
});

it('pages of a store in a bucket are the same', async () => {
  const store = await GitStore.over(await createBucket(), steadyOptions());
  const writes = { 'd/README.md': '[b](b.ts)', 'd/b.ts': 'let b;\n' };
  const fs = await (await store.fs('main')).apply({ writes, message: 'All' });
  await fs.writeText('d/b.ts', 'let c;\n');
  const bucket = await Client.of(store, { title: 'notes' });
  const memory = await memoryStore();
  const other = await (await memory.fs('main')).apply({ writes, message: 'All' });
  await other.writeText('d/b.ts', 'let c;\n');
  const same = await Client.of(memory, { title: 'notes' });
  for (const path of ['/d/', '/d/b.ts?view', '/d/?find=b', '/?history', '/d/b.ts?diff']) {
    const { status, text } = await bucket.page(path);
    expect({ path, status }).toEqual({ path, status: 200 });
    expect(text).toBe((await same.page(path)).text);
  }
  expect((await bucket.ask('/d?zip')).body).toEqual((await same.ask('/d?zip')).body);
  expect(bucket.faults).toEqual([]);
  await store.close();
});

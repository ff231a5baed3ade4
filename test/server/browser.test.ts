/**
 * Pages of the built program in a real browser: text as meant, nothing overflows, links work, the
 * browser's own rules let the style in, and no code of the store runs. Screenshots are kept in
 * `coverage/pages/` for a person to look at. Skipped where there is no Chromium.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { stress } from '../crash/stress.ts';
import { buildProgram } from '../helpers/build.ts';
import { git } from '../helpers/git.ts';
import { type Running, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => spawnSync(path, ['--version']).status === 0);

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

const RUN = 'document.documentElement.setAttribute("data-ran", "")';
const LONG = 'a name that is long enough to reach beyond the edge of a small telephone, and on.txt';
/** Another server, which no page may call. */
const ELSEWHERE = 'http://127.0.0.1:9';
const README = [
  '![here](pic.png) [there](../src/) [away](https://example.org/)',
  `![spy](${ELSEWHERE}/spy.png) <img src="${ELSEWHERE}/spy2.png" onerror='${RUN}'>`,
  `<script>${RUN}</script><style>@import "${ELSEWHERE}/x.css"</style><iframe src="${ELSEWHERE}"></iframe>`,
  `<svg onload='${RUN}'><use href="${ELSEWHERE}/x.svg#a"/></svg> <video poster="${ELSEWHERE}/p.png"></video>`,
  `<div style="background: url(${ELSEWHERE}/b.png)" onclick='${RUN}'>text</div> [run](javascript:${RUN})`,
  `<form action="${ELSEWHERE}"><button>Send</button></form><base href="${ELSEWHERE}"><meta http-equiv="refresh" content="0;url=${ELSEWHERE}">`,
  '```js\nconst a = `x`; // Grüße\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done',
  // Every colour.
  `<pre>${[...'cksnftam'].map((letter) => `<i class="${letter}">${letter}</i>`).join(' ')}</pre>`,
].join('\n\n');
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const screenshots = join(import.meta.dirname, '..', '..', 'coverage', 'pages');

let browser: Browser;
let url: string;
let allUrl: string;
const running: Running[] = [];

async function serve(cli: string, store: string, ...args: string[]): Promise<string> {
  const started = startNode([cli, '-r', store, 'serve', '-q', '-p', '0', ...args], {
    timeout: 300_000,
  });
  running.push(started);
  const [line] = (await once(started.process.stderr!, 'data')) as [Buffer];
  return /(http:\/\/\S+?)\/?\n/.exec(line.toString())![1]!;
}

beforeAll(async () => {
  if (executablePath === undefined) return;
  const path = join(scratchFolder(), 'things.git');
  const store = await GitStore.open(path, { durability: 'fast', author: 'Zoë', email: 'z@e' });
  let fs = await store.branches.get('main');
  const code = Array.from({ length: 60 }, (_, i) => `const line${i} = ${'x'.repeat(i)};`).join(
    '\n',
  );
  fs = await fs.apply({
    writes: {
      'page.html': `<link rel="stylesheet" href="/style.css"><h1 onclick="">Hi</h1><script>${RUN}</script>`,
      'style.css': 'h1 { color: rgb(1, 2, 3) }',
      'pic.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>${RUN}</script></svg>`,
      'doc.xml': `<html xmlns="http://www.w3.org/1999/xhtml"><script>${RUN}</script></html>`,
      [`<img src=x onerror='${RUN}'>`]: '<b>',
      'code.js': RUN,
      'src/long lines.ts': code,
      'latin1.txt': Buffer.from('caf\xe9', 'latin1'),
      [`docs/${LONG}`]: 'Grüße · 你好 → end\n',
      'read/README.md': `# Title\n\n${README}`,
      'read/pic.png': PICTURE,
      'empty.txt': '',
      'bytes.bin': Buffer.alloc(3000, 1),
    },
    message: `<script>${RUN}</script>\n\nA body · with → signs`,
  });
  fs = await fs.writeText('src/long lines.ts', code.replace('line3', 'линия'), {
    message: 'Ändern',
  });
  fs = await fs.write('read/pic.png', Buffer.concat([PICTURE, Buffer.alloc(1)]));
  fs = await fs.remove('style.css');
  await store.branches.set(`topic/${'long-name-'.repeat(6)}end`, fs);
  await store.tags.set('v1', fs);
  await store.close();
  git(path, 'tag', 'of-a-tree', 'main^{tree}');
  git(path, 'tag', 'of-a-blob', 'main:code.js');
  const { cli } = await buildProgram();
  url = await serve(cli, path);
  allUrl = await serve(cli, path, '--all');
  browser = await chromium.launch({ executablePath, args: QUIET });
  mkdirSync(screenshots, { recursive: true });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  for (const { process } of running) process.kill('SIGKILL');
});

async function withPage(
  options: BrowserContextOptions,
  work: (page: Page, complaints: string[]) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await work(page, complaints);
  } finally {
    await context.close();
  }
}

/** UTF-8 that was read as Latin-1 or windows-1252. */
const GARBLED = /[\u00c2\u00c3\u00e2\u00d0][\u0080-\u00bf\u20ac\u2020\u201a-\u201e]|\ufffd/;

interface Seen {
  readonly text: string;
  /** By how many pixels the page can be scrolled sideways. */
  readonly overflow: number;
  /** What reaches beyond the right edge. */
  readonly wide: string[];
  /** Pairs of buttons that are not in one row. */
  readonly torn: number;
  readonly background: string;
  /** Texts that are hard to read on what is behind them, each with its contrast. */
  readonly faint: string[];
  /** Whether the link that keeps can be seen. */
  readonly keeps: boolean;
  /** What a person without a mouse or a screen misses. */
  readonly missing: string[];
}

/** Run in the page. */
const LOOK = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const wide = [...document.querySelectorAll('body *')].filter((element) => {
    const { right, width } = element.getBoundingClientRect();
    // What is cut off with an ellipsis, and code that scrolls by itself.
    return width > 0 && right > clientWidth + 1 && !element.closest('.ls td, pre, table.diff, .md table');
  });
  const rows = [...document.querySelectorAll('.pair')].map((pair) =>
    [...pair.children].map((button) => button.getBoundingClientRect().top),
  );
  // WCAG 2.2, 1.4.3.
  const colour = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (front, back) => ({
    r: front.r * front.a + back.r * (1 - front.a),
    g: front.g * front.a + back.g * (1 - front.a),
    b: front.b * front.a + back.b * (1 - front.a),
    a: 1,
  });
  const behind = (element) => {
    if (element === null) return colour('rgb(255, 255, 255)');
    const back = colour(getComputedStyle(element).backgroundColor);
    return back.a === 1 ? back : over(back, behind(element.parentElement));
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (element, pseudo) => {
    const back = behind(element);
    let { a, ...front } = colour(getComputedStyle(element, pseudo).color);
    for (let at = element; at !== null; at = at.parentElement) a *= Number(getComputedStyle(at).opacity);
    const [one, two] = [light(over({ ...front, a }, back)), light(back)];
    return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() === '' || seen.has(element) || element.closest('title')) continue;
    seen.add(element);
    const ratio = contrast(element);
    if (!(ratio >= 4.5)) faint.push(ratio.toFixed(2) + ' ' + element.outerHTML.slice(0, 80));
  }
  for (const input of document.querySelectorAll('input[placeholder]')) {
    const ratio = contrast(input, '::placeholder');
    if (!(ratio >= 4.5)) faint.push(ratio.toFixed(2) + ' placeholder');
  }
  const named = (element) =>
    (element.innerText ?? '').trim() || element.ariaLabel || element.labels?.length || element.querySelector('img[alt]:not([alt=""]), title');
  const missing = [
    ...[...document.querySelectorAll('a, button, input:not([type=hidden]), summary')].filter((element) => !named(element)).map((element) => element.outerHTML.slice(0, 80)),
    ...['h1', 'main#content', 'a.skip[href="#content"]', 'html[lang]', 'head > title'].filter((selector) => document.querySelectorAll(selector).length !== 1),
    ...[...document.querySelectorAll('[id]')].map(({ id }) => id).filter((id, i, ids) => ids.indexOf(id) !== i),
    ...[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((heading, i, all) => i > 0 && !heading.closest('.md') && heading.tagName[1] - all[i - 1].tagName[1] > 1).map((heading) => heading.outerHTML),
  ];
  return {
    faint,
    missing,
    keeps: document.querySelector('.acts a:last-child[href*="="], .refs a.mono')?.checkVisibility() ?? false,
    text: document.body.innerText,
    overflow: scrollWidth - clientWidth,
    wide: wide.map((element) => element.outerHTML.slice(0, 80)),
    torn: rows.filter((tops) => new Set(tops).size > 1).length,
    background: getComputedStyle(document.body).backgroundColor,
  };
})()`;

describe.skipIf(executablePath === undefined)('in Chromium', () => {
  it('files of the store run nothing', async () => {
    await withPage({}, async (page, complaints) => {
      for (const path of ['/page.html', '/pic.svg', '/doc.xml']) {
        complaints.length = 0;
        await page.goto(url + path);
        expect(await page.content(), path).not.toContain('data-ran=');
        expect(complaints.join('\n'), path).toMatch(/script/i);
      }
    });
  });

  const paths = [
    '/',
    '/read/',
    '/src/',
    '/docs/',
    '/?history',
    '/?diff',
    '/?find=s',
    '/src/long%20lines.ts?view',
    '/src/long%20lines.ts?history',
    `/docs/${encodeURIComponent(LONG)}?view`,
    '/latin1.txt?view',
    '/empty.txt?view',
    '/bytes.bin?view',
    '/pic.svg?view',
    '/page.html?view',
    '/none',
  ];
  const looks = [390, 768, 1280].flatMap((width) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
  );
  // Each width and each scheme, but not each with each.
  const usual = looks.filter(
    ({ width, colorScheme }) => (width === 768) === (colorScheme === 'dark'),
  );
  // Each page is loaded once, and then shown in each look.
  it('pages in all widths, light and dark', async () => {
    await withPage({}, async (page, complaints) => {
      for (const [i, at] of [...paths.map((path) => url + path), `${allUrl}/`].entries()) {
        await page.goto(at);
        for (const { width, colorScheme } of stress ? looks : usual) {
          await page.setViewportSize({ width, height: 900 });
          await page.emulateMedia({ colorScheme });
          const seen = (await page.evaluate(LOOK)) as Seen;
          // Drawing one takes longer than all the rest.
          if (stress || (i < 2 && (width === 390) === (colorScheme === 'light'))) {
            await page.screenshot({ path: join(screenshots, `${width}-${colorScheme}-${i}.png`) });
          }
          const where = `${at} at ${width} px, ${colorScheme}`;
          expect(seen, where).toMatchObject({
            overflow: 0,
            wide: [],
            torn: 0,
            faint: [],
            missing: [],
            keeps: !at.endsWith('/none'),
          });
          expect(seen.background, where).toBe(
            colorScheme === 'dark' ? 'rgb(20, 23, 28)' : 'rgb(255, 255, 255)',
          );
          if (!at.includes('latin1')) expect(seen.text, where).not.toMatch(GARBLED);
          if (at.endsWith('?history')) expect(seen.text).toMatch(/Zoë · \d\d:\d\d/);
          if (at.endsWith('?diff')) expect(seen.text).toMatch(/[0-9a-f]{7} .* → [0-9a-f]{7}/);
        }
      }
      // The browser says so when the page itself was not found.
      expect(complaints.filter((line) => !line.includes('404'))).toEqual([]);
    });
  });

  it('every link of every page leads somewhere', async () => {
    const seen = new Set<string>();
    for (const start of [`${url}/`, `${allUrl}/`]) {
      const waiting = [start];
      for (let at = waiting.pop(); at !== undefined && seen.size < 150; at = waiting.pop()) {
        if (seen.has(at)) continue;
        seen.add(at);
        const answer = await fetch(at, { headers: { accept: 'text/html' } });
        const text = await answer.text();
        expect(answer.status, at).toBe(200);
        const { headers } = answer;
        // What lies in the store may link to anything.
        if (!headers.get('content-type')?.startsWith('text/html')) continue;
        if (headers.get('content-security-policy')?.includes('sandbox')) continue;
        for (const [, href] of text.matchAll(/ href="([^"#]+)[^"]*"/g)) {
          const target = new URL(href!.replaceAll('&amp;', '&'), at).href;
          if (target.startsWith(start)) waiting.push(target);
        }
      }
    }
    expect(seen.size).toBeGreaterThan(60);
  });

  it('a README runs nothing and calls no other server', async () => {
    await withPage({}, async (page, complaints) => {
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      await page.goto(`${url}/read/`);
      await page.click('text=run');
      await page.click('.md >> text=text');
      expect(await page.content()).not.toContain('data-ran=');
      expect(asked.filter((address) => !address.startsWith(url))).toEqual([]);
      expect(complaints).toEqual([]);
      expect(await page.evaluate('document.querySelector(".md img").naturalWidth')).toBe(1);
      await page.click('text=there');
      expect(new URL(page.url()).pathname).toBe('/src/');
    });
  });

  it('pages can be used by keyboard, without JavaScript', async () => {
    await withPage({ javaScriptEnabled: false }, async (page) => {
      await page.goto(`${url}/`);
      await page.keyboard.press('Tab');
      const skip = page.locator('a.skip');
      expect(await skip.boundingBox()).toMatchObject({ x: expect.toSatisfy((x) => x >= 0) });
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      expect(await page.locator(':focus').getAttribute('href')).toMatch(/diff/);
      await page.getByRole('searchbox').focus();
      await page.keyboard.type('LONG lines');
      await page.keyboard.press('Enter');
      await page.waitForURL(/find/);
      await page.getByRole('link', { name: 'src/long lines.ts' }).click();
      await page.waitForURL(/view/);
      await page.getByRole('link', { name: 'Permalink' }).click();
      await page.waitForURL(/at=[0-9a-f]{40}/);
    });
  });

  it('the two marked commits are compared, by keyboard', async () => {
    await withPage({}, async (page) => {
      await page.goto(`${url}/?history`);
      await page.keyboard.press('Tab');
      await page.getByRole('button', { name: 'Compare' }).focus();
      await page.keyboard.press('Enter');
      await page.waitForURL(/diff/);
      expect(await page.innerText('body')).toContain('style.css');
    });
  });

  it('a tag of no commit is not found, and says why', async () => {
    await withPage({}, async (page) => {
      for (const tag of ['of-a-tree', 'of-a-blob']) {
        const answer = await page.goto(`${allUrl}/${tag}/`);
        expect(answer?.status()).toBe(404);
        expect(await page.innerText('body')).toMatch(/stands for a (tree|blob), not a commit/);
      }
    });
  });
});

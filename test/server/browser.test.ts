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
      'empty.txt': '',
      'bytes.bin': Buffer.alloc(3000, 1),
    },
    message: `<script>${RUN}</script>\n\nA body · with → signs`,
  });
  fs = await fs.writeText('src/long lines.ts', code.replace('line3', 'линия'), {
    message: 'Ändern',
  });
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
}

/** Run in the page. */
const LOOK = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const wide = [...document.querySelectorAll('body *')].filter((element) => {
    const { right, width } = element.getBoundingClientRect();
    // What is cut off with an ellipsis, and code that scrolls by itself.
    return width > 0 && right > clientWidth + 1 && !element.closest('.last, pre, table.diff');
  });
  const rows = [...document.querySelectorAll('.pair')].map((pair) =>
    [...pair.children].map((button) => button.getBoundingClientRect().top),
  );
  return {
    text: document.body.innerText,
    overflow: scrollWidth - clientWidth,
    wide: wide.map((element) => element.outerHTML.slice(0, 80)),
    torn: rows.filter((tops) => new Set(tops).size > 1).length,
    background: getComputedStyle(document.body).backgroundColor,
  };
})()`;

describe.skipIf(executablePath === undefined)('in Chromium', () => {
  it.each(['/page.html', '/pic.svg', '/doc.xml'])('%s runs nothing', async (path) => {
    await withPage({}, async (page, complaints) => {
      await page.goto(url + path);
      expect(await page.content()).not.toContain('data-ran=');
      expect(complaints.join('\n')).toMatch(/script/i);
    });
  });

  const paths = [
    '/',
    '/src/',
    '/docs/',
    '/?history',
    '/?diff',
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
  it.each(stress ? looks : usual)(
    'pages at $width px, $colorScheme',
    async ({ width, colorScheme }) => {
      const options = { viewport: { width, height: 900 }, colorScheme };
      await withPage(options, async (page, complaints) => {
        for (const [i, at] of [...paths.map((path) => url + path), `${allUrl}/`].entries()) {
          await page.goto(at);
          const seen = (await page.evaluate(LOOK)) as Seen;
          // Drawing one takes longer than all the rest.
          if (stress || (i < 2 && (width === 390) === (colorScheme === 'light'))) {
            await page.screenshot({ path: join(screenshots, `${width}-${colorScheme}-${i}.png`) });
          }
          expect(seen, at).toMatchObject({ overflow: 0, wide: [], torn: 0 });
          expect(seen.background).toBe(
            colorScheme === 'dark' ? 'rgb(20, 23, 28)' : 'rgb(255, 255, 255)',
          );
          if (!at.includes('latin1')) expect(seen.text, at).not.toMatch(GARBLED);
          if (at.endsWith('?history')) expect(seen.text).toContain('Zoë · 2');
          if (at.endsWith('?diff')) expect(seen.text).toMatch(/[0-9a-f]{7} .* → [0-9a-f]{7}/);
        }
        // The browser says so when the page itself was not found.
        expect(complaints.filter((line) => !line.includes('404'))).toEqual([]);
      });
    },
  );

  it('every link of every page leads somewhere', async () => {
    await withPage({ viewport: { width: 1280, height: 900 } }, async (page) => {
      const seen = new Set<string>();
      for (const start of [`${url}/`, `${allUrl}/`]) {
        const waiting = [start];
        for (let at = waiting.pop(); at !== undefined && seen.size < 150; at = waiting.pop()) {
          if (seen.has(at)) continue;
          seen.add(at);
          const answer = await page.request.get(at, { headers: { accept: 'text/html' } });
          expect(answer.status(), at).toBe(200);
          const { 'content-type': type = '', 'content-security-policy': policy = '' } =
            answer.headers();
          // What lies in the store may link to anything.
          if (!type.startsWith('text/html') || policy.includes('sandbox')) continue;
          for (const [, href] of (await answer.text()).matchAll(/ href="([^"#]+)[^"]*"/g)) {
            const target = new URL(href!.replaceAll('&amp;', '&'), at).href;
            if (target.startsWith(start)) waiting.push(target);
          }
        }
      }
      expect(seen.size).toBeGreaterThan(60);
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

  it.each(['of-a-tree', 'of-a-blob'])('a tag %s is not found, and says why', async (tag) => {
    await withPage({}, async (page) => {
      const answer = await page.goto(`${allUrl}/${tag}/`);
      expect(answer?.status()).toBe(404);
      expect(await page.innerText('body')).toMatch(/stands for a (tree|blob), not a commit/);
    });
  });
});

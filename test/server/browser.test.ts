/** Pages in a real browser: its own rules let the style in, and no code of the store runs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { currentOf, memoryStore } from '../store/stores.ts';
import { Client } from './client.ts';

const browser = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

const QUIET = [
  '--headless',
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

let client: Client;

beforeAll(async () => {
  const store = await memoryStore();
  const fs = await currentOf(store);
  await fs.apply({
    writes: {
      'page.html': `<link rel="stylesheet" href="/style.css"><h1 onclick="">Hi</h1><script>${RUN}</script>`,
      'style.css': 'h1 { color: rgb(1, 2, 3) }',
      'pic.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>${RUN}</script></svg>`,
      'doc.xml': `<html xmlns="http://www.w3.org/1999/xhtml"><script>${RUN}</script></html>`,
      [`<img src=x onerror='${RUN}'>`]: '<b>',
      'code.js': RUN,
    },
    message: `<script>${RUN}</script>`,
  });
  client = await Client.of(store);
});

/** What the page has become, and what the browser said about it. */
async function open(path: string): Promise<{ dom: string; complaints: string[] }> {
  const profile = mkdtempSync(join(scratchFolder(), 'profile-'));
  const args = [...QUIET, `--user-data-dir=${profile}`, '--enable-logging=stderr', '--dump-dom'];
  const { stdout, stderr } = await runCommand(browser!, [...args, client.server.url + path]);
  const complaints = stderr.split('\n').filter((line) => line.includes(':CONSOLE'));
  return { dom: stdout.toString(), complaints };
}

describe.skipIf(browser === undefined)('in Chromium', () => {
  it.each(['/page.html', '/pic.svg', '/doc.xml'])('%s runs nothing', async (path) => {
    const { dom, complaints } = await open(path);
    expect(dom).toContain('script');
    expect(dom).not.toContain('data-ran=');
    expect(complaints.join('\n')).toMatch(/script/i);
  });

  it.each(['/', '/?history', '/?diff', '/page.html?view', '/pic.svg?view', '/none'])(
    '%s is shown without a complaint',
    async (path) => {
      const { dom, complaints } = await open(path);
      expect(dom).toMatch(/<\/html>\s*$/);
      expect(dom).not.toContain('data-ran=');
      // The browser says so when the page itself was not found.
      expect(complaints.filter((line) => !line.includes('404'))).toEqual([]);
    },
  );
});

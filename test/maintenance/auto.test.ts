import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { gitstore, Place } from '../cli/program.ts';
import { buildProgram } from '../helpers/build.ts';
import { expectClean, git } from '../helpers/git.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { looseBlob, looseCount, packsOf } from './stores.ts';

/** A text whose blob lies in the directory by which Git estimates how many loose objects there are. */
function sampledText(): string {
  for (let i = 0; ; i++) {
    const text = `sample ${i}`;
    const id = createHash('sha1').update(`blob ${text.length}\0${text}`).digest('hex');
    if (id.startsWith('17')) return text;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(condition()).toBe(true);
}

describe('automatic collection', () => {
  test('a write that is one too many starts it, and does not wait for it', async () => {
    const place = new Place();
    await place.ok('init');
    git(place.repo, 'config', 'gc.auto', '100');
    looseBlob(place.repo, sampledText(), 0);
    await place.okWith({ input: 'hello' }, 'write', 'a.txt');
    await until(() => packsOf(place.repo).length === 1 && !existsSync(join(place.repo, 'gc.pid')));
    expectClean(place.repo);
    expect(await place.ok('cat', 'a.txt')).toBe('hello');
  });

  test('0 turns it off; reading never starts it', async () => {
    const place = new Place();
    await place.ok('init');
    looseBlob(place.repo, sampledText(), 0);
    git(place.repo, 'config', 'gc.auto', '0');
    await place.okWith({ input: 'hello' }, 'write', 'a.txt');
    git(place.repo, 'config', 'gc.auto', '100');
    await place.ok('cat', 'a.txt');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(packsOf(place.repo)).toEqual([]);
  });

  test('a program that lies beside the library and is not ours is not started', async () => {
    const { library } = await buildProgram();
    const folder = scratchFolder();
    const repo = join(folder, 'data.git');
    await (await GitStore.open(repo)).close();
    git(repo, 'config', 'gc.auto', '100');
    looseBlob(repo, sampledText(), 0);
    cpSync(dirname(library), join(folder, 'app'), {
      recursive: true,
      filter: (path) => !/cli|\.map$/.test(basename(path)),
    });
    const started = join(folder, 'started');
    const theirs = `require('fs').writeFileSync(${JSON.stringify(started)}, '')`;
    writeFileSync(join(folder, 'app/cli.cjs'), `#!/usr/bin/env node\n${theirs}`);
    const main = join(folder, 'app/main.mjs');
    writeFileSync(
      main,
      `import { GitStore } from './index.js';
       const store = await GitStore.open(${JSON.stringify(repo)});
       await (await store.branches.get('main')).writeText('a.txt', 'hello');
       await store.close();`,
    );
    expect(await runNode([main])).toMatchObject({ code: 0, stderr: '' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(existsSync(started)).toBe(false);
  });

  test('many packs count too, kept ones do not', async () => {
    const place = new Place();
    await place.ok('init');
    for (let i = 0; i < 4; i++) {
      await place.okWith({ input: `${i}` }, 'write', 'a.txt');
      git(place.repo, 'repack', '-d', '-q');
    }
    const store = await GitStore.open(place.repo, { create: false });
    const { upkeep } = store.context.storage;
    expect(upkeep.isCrowded()).toBe(false);
    git(place.repo, 'config', 'gc.autoPackLimit', '3');
    expect(upkeep.isCrowded()).toBe(true);
    const [kept] = packsOf(place.repo);
    writeFileSync(join(place.repo, 'objects/pack', kept!.replace('.pack', '.keep')), '');
    expect(upkeep.isCrowded()).toBe(false);
    await store.close();
  });

  test('where nobody watches, a failure is kept in gc.log, and not tried again at once', async () => {
    const place = new Place();
    await place.ok('init');
    git(place.repo, 'config', 'gc.auto', '100');
    looseBlob(place.repo, sampledText(), 0);
    const tree = git(place.repo, 'rev-parse', 'main^{tree}');
    rmSync(join(place.repo, 'objects', tree.slice(0, 2), tree.slice(2)), { force: true });
    git(place.repo, 'update-ref', 'refs/heads/main', git(place.repo, 'rev-parse', 'main'));
    writeFileSync(join(place.repo, 'refs/heads/lost'), `${'a'.repeat(40)}\n`);
    const failed = await gitstore(['-r', place.repo, 'gc', '--auto']);
    expect(failed.code).toBe(1);
    expect(readFileSync(join(place.repo, 'gc.log'), 'utf8')).toMatch(/missing/);
    expect(await gitstore(['-r', place.repo, 'gc', '--auto'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    rmSync(join(place.repo, 'refs/heads/lost'));
    await place.ok('gc');
    expect(existsSync(join(place.repo, 'gc.log'))).toBe(false);
    expect(looseCount(place.repo)).toBe(1);
  });
});

describe('command line', () => {
  test('gc tells what there was and is; pack is silent', async () => {
    const place = new Place();
    await place.okWith({ input: 'hello' }, 'write', 'a.txt');
    expect(await place.ok('pack')).toBe('');
    const lines = (await place.ok('gc', '--prune=now')).split('\n');
    expect(lines[0]).toMatch(/^before: \d+ objects \(0 loose, 1 pack\), \d/);
    expect(lines[1]).toMatch(/^after: {2}\d+ objects \(0 loose, 1 pack\), \d/);
    expect(await place.fails(2, 'gc', '--prune=soon')).toMatch(/Not a moment: "soon"/);
  });

  test('verify: nothing and 0, or a line a fault and 1', async () => {
    const place = new Place();
    await place.okWith({ input: 'hello' }, 'write', 'a.txt');
    expect(await place.ok('verify')).toBe('');
    const blob = git(place.repo, 'rev-parse', 'main:a.txt');
    rmSync(join(place.repo, 'objects', blob.slice(0, 2), blob.slice(2)));
    const { code, stdout, stderr } = await place.run('-v', 'verify');
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^object ${blob}: blob is missing; the tree [0-9a-f]{40}`));
    expect(stderr).toMatch(/^checked \d+ objects, 0 packs, 1 ref, \d+ reflog entries: 1 fault\n$/);
  });

  test('on threads: a history large enough, collected and verified by the program', async () => {
    const place = new Place();
    await place.ok('init');
    const store = await GitStore.open(place.repo, { create: false, durability: 'fast' });
    let fs = await store.fs('main');
    for (let round = 0; round < 4; round++) {
      const writes: Record<string, string> = {};
      for (let i = 0; i < 900; i++) {
        writes[`d${i % 30}/f${i}`] = `${`file ${i}\n`.repeat(20)}${round}\n`;
      }
      fs = await fs.apply({ writes });
    }
    await store.close();
    const before = git(place.repo, 'rev-list', '--objects', '--all').split('\n').sort().join('\n');
    await place.ok('gc');
    expect(packsOf(place.repo)).toHaveLength(1);
    expect(git(place.repo, 'rev-list', '--objects', '--all').split('\n').sort().join('\n')).toBe(
      before,
    );
    expectClean(place.repo);
    expect(await place.ok('verify')).toBe('');
  });
});

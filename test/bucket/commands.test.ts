/** The program on a store on a real engine: what runs for long, archives, and every command once. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import type { Engine } from '../../scripts/engines.mjs';
import { stress } from '../crash/stress.ts';
import { buildProgram, type Program } from '../helpers/build.ts';
import { expectClean } from '../helpers/git.ts';
import { type Finished, runCommand, runNode, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { describeEngine, freshPrefix, REAL_ENGINES } from './places.ts';

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
}, 180_000);

/** A machine with a cache of its own, and a folder to work in. */
class Machine {
  readonly location: string;
  readonly folder = scratchFolder();
  readonly env: NodeJS.ProcessEnv;

  constructor(engine: Engine, location = `s3://${engine.bucket}/${freshPrefix()}`) {
    this.location = location;
    this.env = { ...engine.env, GITSTORE_REPO: location, XDG_CACHE_HOME: scratchFolder() };
  }

  /** Runs a command that must succeed. @returns what it prints */
  async run(...args: string[]): Promise<string> {
    const end = await this.end(args);
    expect(end, `${args.join(' ')}: ${end.stderr}`).toMatchObject({ code: 0 });
    return end.stdout.toString();
  }

  end(args: readonly string[], input = ''): Promise<Finished> {
    const { env, folder: cwd } = this;
    return runNode([program.cli, ...args], { env, cwd, input, timeout: 60_000 });
  }

  /** Starts a command that runs until it is stopped, and waits for the first line of its stderr that fits. */
  async start(args: readonly string[], line: RegExp) {
    const { env, folder: cwd } = this;
    const started = startNode([program.cli, ...args], { env, cwd, timeout: 120_000 });
    let text = '';
    started.process.stderr!.on('data', (data) => {
      text += data;
    });
    await eventually(() => line.test(text) || started.process.exitCode !== null);
    expect(text).toMatch(line);
    const stop = async () => {
      started.process.kill('SIGINT');
      const end = await started.finished;
      expect(end, end.stderr).toMatchObject({ code: 0 });
    };
    return { found: line.exec(text)![1], stop };
  }

  file(name: string): string {
    return join(this.folder, name);
  }
}

async function eventually(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await done()) return;
    await sleep(50);
  }
}

for (const name of REAL_ENGINES) {
  describeEngine(name, (engine) => {
    it('serves files, Git clients and archives what another machine wrote', async () => {
      const writer = new Machine(engine());
      const reader = new Machine(engine(), writer.location);
      await writer.run('init');
      mkdirSync(writer.file('work/sub'), { recursive: true });
      writeFileSync(writer.file('work/sub/b.txt'), 'b');
      const watching = await writer.start(
        ['sync', '--watch', '--debounce', '100', 'work', ':'],
        /(Watching)/,
      );
      const serving = await reader.start(['serve', '-p', '0'], /at (http:\S+)/);
      const gitserving = await reader.start(['gitserve', '-p', '0'], /(http:\S+)/);
      const get = async (path: string) => {
        const response = await fetch(`${serving.found}${path}`);
        return response.ok ? await response.text() : response.status;
      };
      await eventually(async () => (await get('sub/b.txt')) === 'b');
      appendFileSync(writer.file('work/sub/b.txt'), 'c');
      writeFileSync(writer.file('work/a.txt'), 'a');
      await eventually(async () => (await get('a.txt')) === 'a');
      expect(await get('sub/b.txt')).toBe('bc');
      await watching.stop();

      const clone = reader.file('clone');
      const cloned = await runCommand('git', ['clone', '-q', gitserving.found!, clone]);
      expect(cloned).toMatchObject({ code: 0, stderr: '' });
      expect(readFileSync(join(clone, 'sub/b.txt'), 'utf8')).toBe('bc');
      expectClean(join(clone, '.git'));
      await serving.stop();
      await gitserving.stop();

      for (const archive of ['all.zip', 'all.tar.gz']) {
        await reader.run('archive-out', archive);
        const other = new Machine(engine());
        await other.run('archive-in', reader.file(archive));
        expect(await other.run('ls', '-R')).toBe('a.txt\nsub/b.txt\n');
        expect(await other.run('cat', 'sub/b.txt')).toBe('bc');
      }
    });

    it.runIf(stress)('takes every command once', { timeout: 300_000 }, async () => {
      const machine = new Machine(engine());
      const run = (...args: string[]) => machine.run(...args);
      const tree = machine.file('tree');
      mkdirSync(join(tree, 'sub'), { recursive: true });
      writeFileSync(join(tree, 'a.txt'), 'one\ntwo\n');
      writeFileSync(join(tree, 'sub', 'b.bin'), Buffer.alloc(300_000, 'noise'));
      await run('init');
      await run('cp', `${tree}/`, ':');
      expect(await run('ls', '-R')).toBe('a.txt\nsub/b.bin\n');
      expect((await machine.end(['write', 'c.txt'], 'three\n')).code).toBe(0);
      expect(await run('cat', 'c.txt')).toBe('three\n');
      await run('branch', 'set', 'dev');
      expect((await machine.end(['write', 'd.txt', '-b', 'dev'], 'four\n')).code).toBe(0);
      await run('mv', ':c.txt', ':e.txt');
      expect(await run('merge', 'dev')).not.toMatch(/conflict/);
      expect(await run('ls')).toBe('a.txt\nd.txt\ne.txt\nsub\n');
      await run('revert', 'dev');
      await run('pick', 'dev');
      await run('tag', 'set', 'v1');
      await run('note', 'set', 'v1', 'seen');
      expect(await run('note', 'get', 'v1')).toBe('seen\n');
      expect(await run('log', '--limit', '1')).toMatch(/^[0-9a-f]{7} /);
      expect(await run('show', 'v1')).toMatch(/four/);
      expect(await run('diff', '~1')).toBe('A  d.txt\n');
      expect(await run('blame', 'a.txt')).toMatch(/ two$/m);
      expect(await run('grep', 'two')).toBe('a.txt:2:two\n');
      expect(await run('find', '*.bin')).toBe('sub/b.bin\n');
      await run('cmp', ':a.txt', join(tree, 'a.txt'));
      expect(await run('hash', 'v1')).toMatch(/^[0-9a-f]{40}\n$/);
      await run('undo');
      await run('redo');
      expect(await run('reflog')).toMatch(/^Reflog for branch 'main' \(\d+ entries\)/);
      for (const kind of ['zip', 'tar']) {
        await run(kind, `x.${kind}`);
        await run(`un${kind}`, `x.${kind}`);
      }
      const out = machine.file('out');
      await run('sync', ':', out);
      writeFileSync(join(out, 'f.txt'), 'five');
      await run('sync', out, ':');
      await run('rm', ':f.txt');

      const work = machine.file('work');
      mkdirSync(work);
      const inWork = (...args: string[]) => run(...args, '--dir', work);
      writeFileSync(join(work, 'w.txt'), 'first');
      await inWork('checkpoint', '-b', 'work');
      writeFileSync(join(work, 'w.txt'), 'second');
      expect(await inWork('changes')).toBe('M  w.txt\n');
      await inWork('checkpoint');
      await inWork('rewind');
      expect(readFileSync(join(work, 'w.txt'), 'utf8')).toBe('first');
      await inWork('fork', machine.file('fork'));
      expect(await run('workspaces')).toContain(work);
      await run('thin', '--keep-last', '2');
      await run('forget', 'sub/b.bin', '--all');

      const copy = `s3://${engine().bucket}/${freshPrefix()}`;
      await run('backup', copy);
      await run('-r', machine.file('bare.git'), 'restore', copy);
      expectClean(machine.file('bare.git'));
      await run('pack');
      await run('gc', '--prune', 'now');
      expect(await run('verify')).toBe('');
      expect(await run('doctor')).toBe('');
      expect(await run('ls')).toBe('a.txt\nd.txt\ne.txt\n');
      await run('destroy', '-f');
      rmSync(machine.folder, { recursive: true });
    });
  });
}

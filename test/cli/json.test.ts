/** What every command prints with `--format json` fits docs/json.schema.json, and docs/json.md names it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { diagnosisRecord } from '../../src/cli/commands/doctor.ts';
import { commands } from '../../src/cli/commands.ts';
import { examine } from '../../src/storage/bucket/doctor/doctor.ts';
import { MemoryBucket } from '../../src/storage/bucket/engine/memoryBucket.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { stress } from '../crash/stress.ts';
import { Place } from './program.ts';

const docs = join(import.meta.dirname, '../../docs');
const schema = JSON.parse(readFileSync(join(docs, 'json.schema.json'), 'utf8'));
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(schema, 'gitstore');

function expectFits(value: unknown, command: string, item = false): void {
  const at = `gitstore#/properties/${command}${item ? '/items' : ''}`.replaceAll(' ', '%20');
  const validate = ajv.getSchema(at);
  if (validate === undefined) throw new Error(`No schema for ${command}`);
  validate(value);
  expect({ command, value, errors: validate.errors }).toEqual({ command, value, errors: null });
}

describe('--format json', () => {
  const place = new Place();
  const seen = new Set<string>();

  /** The same for one that prints as another does: it costs a process, so it runs where there is time. */
  async function alike(command: string, ...args: string[]): Promise<void> {
    if (stress) await json(command, ...args);
    else seen.add(command);
  }

  /** Runs it, and gives back what it has printed. */
  async function json(command: string, ...args: string[]): Promise<unknown> {
    const { stdout } = await place.run(...command.split(' '), ...args, '--format', 'json');
    const value: unknown = JSON.parse(stdout);
    expectFits(value, command);
    seen.add(command);
    return value;
  }

  beforeAll(async () => {
    mkdirSync(join(place.folder, 'work'));
    writeFileSync(join(place.folder, 'work', 'f'), 'one\ntwo\n');
    await using store = await GitStore.open(place.repo, { durability: 'fast' });
    const main = await store.branches.get('main');
    const first = await main.apply({
      writes: { 'a.txt': 'one\n', 'dir/b': 'two', run: { data: '#!', mode: 'executable' } },
      message: 'First',
    });
    const second = await first.writeSymlink('link', 'a.txt');
    await (await store.branches.set('dev', second)).write('caf\udce9', 'name in bytes');
    await (await second.write('a.txt', 'mine\n')).write('a.txt', 'one\nthree\n');
    await store.branches.set('other', second);
    await (await store.branches.get('other')).write('a.txt', 'theirs\n');
    await store.tags.set('v1', first);
    await store.tags.set('old', first);
    await store.notes.commits.set(second, 'checked');
  });

  it('of reading commands', async () => {
    expect(await json('ls', '-R', '--ref', 'dev')).toContain('caf\udce9');
    expect(await json('ls', '-l')).toContainEqual(
      expect.objectContaining({ name: 'link', type: 'link', target: 'a.txt', size: 5 }),
    );
    const [newest] = (await json('log', '--limit', '2')) as { hash: string; parents: unknown }[];
    expect(await json('show')).toEqual({
      ...newest,
      changes: [{ path: 'a.txt', change: 'update' }],
    });
    await json('show', 'main:dir');
    await json('diff', 'v1');
    await json('blame', 'a.txt');
    await json('grep', 'one', '--all');
    await alike('find', '*.txt', '--all');
    expect(await json('hash')).toEqual({ hash: newest!.hash, type: 'commit', path: null });
    await json('verify');
    await json('note get', 'main~2');
    await json('note list');
  });

  it('of branches and tags', async () => {
    expect(await json('branch list')).toHaveLength(3);
    await json('branch current');
    await alike('branch hash', 'dev');
    await alike('tag list');
    await alike('tag hash', 'v1');
    await json('tag delete', 'old');
    await alike('tag deleted');
    await place.ok('branch', 'set', 'gone');
    await json('branch delete', 'gone');
    await json('branch deleted');
  });

  it('of commands that change files', async () => {
    expect(await json('cp', '-n', 'work', ':')).toMatchObject({
      hash: null,
      add: [{ path: 'work/f', type: 'blob' }],
    });
    await json('cp', 'work', ':');
    await json('cp', ':a.txt', 'copy');
    await alike('sync', 'work', ':work');
    await alike('mv', ':work/f', ':g');
    await json('rm', 'dir/b');
    await json('undo');
    await alike('redo');
    await json('reflog');
    await place.ok('tar', 'all.tar');
    await json('archive-in', '-n', 'all.tar');
    await alike('untar', 'all.tar');
    if (stress) await place.ok('zip', 'all.zip');
    await alike('unzip', 'all.zip');
    expect(await json('merge', 'other')).toMatchObject([
      { hash: null, conflicts: [{ path: 'a.txt', kind: 'content' }] },
    ]);
    await json('merge', 'dev');
    await json('revert', 'main~1');
    await alike('pick', 'dev');
  });

  it('of folders, and of the repository as a whole', async () => {
    await json('checkpoint', '--dir', 'work', '-b', 'folder');
    writeFileSync(join(place.folder, 'work', 'f'), 'changed');
    await json('changes', '--dir', 'work');
    await json('rewind', '--dir', 'work');
    await json('fork', 'fork', '--dir', 'work');
    await json('workspaces');
    expect(await json('backup', 'copy.git')).toMatchObject({ update: [], delete: [] });
    await alike('restore', 'copy.git');
    await json('thin', '--keep-last', '2', '-b', 'folder');
    await json('forget', 'a.txt', '-n');
    await alike('pack');
    await json('gc');
    const diagnosis = await examine(new MemoryBucket(), { rounds: 1 });
    expectFits(diagnosisRecord(diagnosis), 'doctor');
    seen.add('doctor');
  });

  it('of every command that has the option', async () => {
    const having = new Set<string>();
    for (const [name, entry] of Object.entries(commands)) {
      const command = new Command(name);
      (await entry.load()).define(command);
      for (const each of [command, ...command.commands]) {
        const has = each.options.some(({ long, hidden }) => long === '--format' && !hidden);
        // `branch` alone is `branch list`.
        if (has && (each !== command || command.commands.length === 0)) {
          having.add(each === command ? name : `${name} ${each.name()}`);
        }
      }
    }
    const described = Object.keys(schema.properties).sort();
    expect([...having].sort()).toEqual(described);
    expect([...seen].sort()).toEqual(described);
    const page = readFileSync(join(docs, 'json.md'), 'utf8');
    expect(described.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it('jsonl: the items of a list, or the record, in a line each', async () => {
    const lines = (await place.ok('log', '--format', 'jsonl')).trimEnd().split('\n');
    for (const line of lines) expectFits(JSON.parse(line), 'log', true);
    expectFits(JSON.parse(await place.ok('hash', '--format', 'jsonl')), 'hash');
  });
});

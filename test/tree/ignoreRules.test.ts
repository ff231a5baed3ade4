/** Ignore rules against `git check-ignore`, which is the referee. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePath } from '../../src/git/pathBytes.ts';
import { ExcludeFilter } from '../../src/transfer/rules/excludeFilter.ts';
import { Exclusion } from '../../src/transfer/rules/exclusion.ts';
import { effort, runs, seed, stress } from '../crash/stress.ts';
import { gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

// Everything here is a byte string: each character is one byte.
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const named = (text: string): string => decodePath(bytes(text));

/** Which of the paths Git leaves out, asked from within the folder. */
function leftOutByGit(
  folder: string,
  paths: readonly string[],
  ...config: readonly string[]
): boolean[] {
  const args = [...config, 'check-ignore', '--no-index', '-v', '-n', '-z', '--stdin'];
  const { stdout, stderr } = spawnSync('git', args, {
    cwd: folder,
    env: gitEnvironment,
    input: bytes(paths.map((path) => `./${path}\0`).join('')),
    maxBuffer: 1 << 28,
  });
  expect(stderr.toString()).toBe('');
  // Source, line, pattern and path of each; an empty pattern where none matches.
  const fields = stdout.toString('latin1').split('\0');
  const verdicts: boolean[] = [];
  for (let at = 0; at + 4 < fields.length; at += 4) {
    verdicts.push(fields[at] !== '' && !fields[at + 2]!.startsWith('!'));
  }
  expect(verdicts.length).toBe(paths.length);
  return verdicts;
}

function makeRepository(): string {
  const folder = scratchFolder();
  spawnSync('git', ['init', '-q', folder], { env: gitEnvironment });
  return folder;
}

const letter = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'c') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...'AZ19-_.:,^!#[]*?\\ \r\t\v\n\x7f', '\x80', '\xff', '\xc3\xa9'),
  },
);
const name = fc
  .array(letter, { minLength: 1, maxLength: 4 })
  .map((letters) => letters.join(''))
  .filter((text) => text !== '.' && text !== '..');
/** Names that come again, so that patterns meet them. */
const pool = [
  'a',
  'b',
  'ab',
  'a.c',
  'b.c',
  'abc',
  '.a',
  'A b',
  '[a]',
  '\xc3\xa9',
  'a\xff',
  'b\r',
  '!a',
  '#a',
];
const shortName = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...pool) },
  { weight: 1, arbitrary: name },
);
const directory = fc.array(shortName, { minLength: 1, maxLength: 3 });

const classNames =
  'alnum alpha blank cntrl digit graph lower print punct space upper xdigit other'.split(' ');
const set = fc.oneof(
  fc.constantFrom('[ab]', '[!a]', '[^a-b]', '[]a]', '[!]]', '[a-]', '[-a]', '[a-c-z]', '[c-a]'),
  fc.constantFrom('[\\]]', '[\\a-c]', '[a-\\c]', '[[a]', '[[:a]', '[[:]', '[[:]]', '[a', '[', '[!'),
  fc.constantFrom('[\x80-\xff]', '[\xc3\xa9]', '[!-~]', '[ -/]', '[a/b]', '[\\', '[a-', '[[:alpha'),
  fc
    .tuple(fc.constantFrom('', '!', '^', 'a', '-'), fc.constantFrom(...classNames))
    .map(([lead, one]) => `[${lead}[:${one}:]]`),
  fc.array(letter, { maxLength: 4 }).map((letters) => `[${letters.join('')}]`),
);
const part = fc.oneof(
  { weight: 6, arbitrary: letter },
  { weight: 3, arbitrary: fc.constantFrom('*', '?', '/', '*', '/') },
  { weight: 2, arbitrary: fc.constantFrom('**', '***', '**/', '/**', '/**/', '/*/', '\\/', '//') },
  { weight: 2, arbitrary: set },
  { weight: 1, arbitrary: letter.map((one) => `\\${one}`) },
);
/** A name of the pool, some of its bytes replaced by what may match them. */
const blurred = fc
  .tuple(fc.constantFrom(...pool), fc.array(fc.oneof(fc.constantFrom('', '', '', '*', '?'), set)))
  .map(([text, parts]) => Array.from(text, (byte, at) => parts[at] || byte).join(''));
const beginning = fc.constantFrom('', '', '', '!', '!', '/', '!/', '\\!', '#', '\\#', '!!', ' ');
const ending = fc.constantFrom(
  ...[
    '',
    '',
    '',
    '',
    '/',
    '/',
    ' ',
    '  ',
    '\\ ',
    '\\  ',
    '\\\\ ',
    '/ ',
    '\\',
    '\r',
    '\r\r',
    '/**',
    '/*',
  ],
);
const line = fc
  .tuple(
    beginning,
    fc.oneof(
      fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('')),
      fc
        .array(fc.oneof(blurred, blurred, fc.constantFrom('*', '**')), {
          minLength: 1,
          maxLength: 3,
        })
        .map((names) => names.join('/')),
      blurred,
      name.map((text) => `*${text}`),
    ),
    ending,
    fc.constantFrom('', '', '', '', '\r', '\t', ' \r', '\r '),
  )
  .map((parts) => parts.join('').replaceAll('\n', ''));

/** Before 2.52 Git takes `x**` after a literal beginning as if it began a name: `x**\/b` is `xb`. */
const isOldGit = ((): boolean => {
  const folder = makeRepository();
  writeFileSync(join(folder, '.gitignore'), 'x**/b\n');
  return leftOutByGit(folder, ['xb'])[0]!;
})();

const content = fc
  .tuple(
    fc.constantFrom('', '', '', '\xef\xbb\xbf'),
    fc.array(line, { minLength: 3, maxLength: 8 }),
    fc.constantFrom('\n', '\r\n'),
    fc.constantFrom('', '\n', '\r'),
  )
  .map(([mark, all, stop, end]) => {
    const lines = all.filter((text) => isOldGit || !/^!?[^*?[\\]*[^*?[\\/]\*\*/.test(text));
    return mark + lines.join(stop) + end;
  });

interface Case {
  readonly directories: readonly string[][];
  readonly rules: readonly string[];
  readonly files: readonly string[][];
}

/** Directories, the root among them, with a file of rules each, and names below them. */
const cases: fc.Arbitrary<Case> = fc.record({
  directories: fc.array(directory, { minLength: 1, maxLength: 3 }),
  rules: fc.array(content, { minLength: 1, maxLength: 3 }),
  files: fc
    .array(fc.tuple(fc.nat(3), directory), { minLength: 4, maxLength: 12 })
    .map((all) => all.map(([at, names]) => [`${at}`, ...names])),
});

/** The directories with rules and the paths of a case, `true` for those that are directories. */
function lay(one: Case): { ruled: Map<string, string>; paths: Map<string, boolean> } {
  const ruled = new Map<string, string>();
  const paths = new Map<string, boolean>();
  const bases = ['', ...one.directories.map((names) => names.join('/'))];
  for (const names of one.directories) {
    for (let to = 1; to <= names.length; to++) paths.set(names.slice(0, to).join('/'), true);
  }
  for (const [at, rules] of one.rules.entries()) ruled.set(bases[at % bases.length]!, rules);
  for (const [at, ...names] of one.files) {
    const path = [bases[Number(at) % bases.length]!, ...names].filter(Boolean).join('/');
    if (!paths.has(path)) paths.set(path, false);
  }
  return { ruled, paths };
}

function expectSame(
  rules: unknown,
  paths: Map<string, boolean>,
  theirs: readonly boolean[],
  ours: (path: string, isDirectory: boolean) => boolean,
): number {
  let count = 0;
  for (const [at, [path, isDirectory]] of [...paths].entries()) {
    const isLeftOut = ours(named(path), isDirectory);
    expect({ rules, path, isDirectory, isLeftOut }).toEqual({
      rules,
      path,
      isDirectory,
      isLeftOut: theirs[at],
    });
    if (isLeftOut) count += 1;
  }
  return count;
}

describe('ignore rules', () => {
  const nested = effort(150, 10_000);
  test.each([false, true])(
    'nested .gitignore files leave out what Git leaves out; core.ignoreCase %s',
    {
      timeout: nested.timeout,
    },
    (folds) => {
      let asked = 0;
      let leftOut = 0;
      for (let from = 0; from < nested.count; from += 300) {
        const folder = makeRepository();
        const batch = fc.sample(cases, { numRuns: runs(300), seed: seed + from }).map(lay);
        for (const [at, { ruled, paths }] of batch.entries()) {
          const root = join(folder, `case${at}`);
          mkdirSync(root);
          for (const [path, isDirectory] of paths) {
            if (isDirectory) mkdirSync(Buffer.concat([bytes(`${root}/`), bytes(path)]));
          }
          for (const [path, rules] of ruled) {
            writeFileSync(
              bytes([root, path, '.gitignore'].filter(Boolean).join('/')),
              bytes(rules),
            );
          }
        }
        const questions = batch.flatMap(({ paths }, at) =>
          [...paths.keys()].map((path) => `case${at}/${path}`),
        );
        const verdicts = leftOutByGit(folder, questions, '-c', `core.ignoreCase=${folds}`);
        for (const { ruled, paths } of batch) {
          const ours = new Exclusion(undefined, { gitignore: true }, folds);
          for (const [path, rules] of ruled) ours.add(named(path), bytes(rules));
          const theirs = verdicts.splice(0, paths.size);
          leftOut += expectSame([...ruled], paths, theirs, (path, isDirectory) =>
            ours.excludes(path, isDirectory),
          );
          asked += paths.size;
        }
        // At the full count there are too many for the hook that removes scratch folders.
        rmSync(folder, { recursive: true });
      }
      if (stress) console.log(`${asked} paths, ${leftOut} left out`);
      expect(leftOut).toBeGreaterThan(asked / 20);
      expect(leftOut).toBeLessThan(asked / 1.2);
    },
  );

  const flat = effort(15, 2000);
  test('--exclude-from leaves out what core.excludesFile does', {
    timeout: flat.timeout,
  }, async () => {
    const folder = makeRepository();
    const file = join(scratchFolder(), 'patterns');
    for (const one of fc.sample(cases, { numRuns: flat.count, seed: seed + 1 })) {
      const { paths } = lay({ ...one, directories: [['a', 'b']] });
      mkdirSync(join(folder, 'a/b'), { recursive: true });
      const rules = one.rules.join('\n');
      writeFileSync(file, bytes(rules));
      const verdicts = leftOutByGit(folder, [...paths.keys()], '-c', `core.excludesFile=${file}`);
      const ours = await ExcludeFilter.read([file]);
      expectSame(rules, paths, verdicts, (path, isDirectory) => ours.excludes(path, isDirectory));
    }
  });

  test('patterns of many stars end, whatever the name', () => {
    const parts = ['**a', '*a', '*[a]', '*?', '**/a/', 'a*/**/'];
    const patterns = parts.flatMap((part) => [`${part.repeat(15)}b`, `/x/${part.repeat(40)}b`]);
    patterns.push(`${' '.repeat(50_000)}b`, `${'\\ '.repeat(50_000)}b`);
    const names = ['a'.repeat(200), `x/${'a'.repeat(200)}`, 'a/'.repeat(100)];
    for (const pattern of patterns) {
      const filter = new ExcludeFilter([pattern]);
      for (const one of names) expect(filter.excludes(`${one}c`, false)).toBe(false);
    }
    expect(new ExcludeFilter(['**a'.repeat(15)]).excludes('a'.repeat(200), false)).toBe(true);
  });

  test('directories nested thousands deep are asked without recursion', () => {
    const filter = new ExcludeFilter(['*.log', '/d/d/x/']);
    const deep = 'd/'.repeat(2000);
    expect(filter.excludes(`${deep}a.log`, false)).toBe(true);
    expect(filter.excludes(`${deep}a.txt`, false)).toBe(false);
  });
});

/**
 * README.md and the task pages do what they say: every line of their tours is run in an empty folder, and
 * what they show is what is printed.
 *
 * In a ```console block a line that begins with `$ ` is run, in one shell for the whole block, and the
 * lines below it are its output; `…` fits any text within a line. In the ```ts block a comment
 * `// → text` is what the program prints there.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, type Program } from './helpers/build.ts';
import { type Finished, runCommand, runNode } from './helpers/run.ts';
import { scratchFolder } from './helpers/scratch.ts';

const root = dirname(import.meta.dirname);
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const tasks = join(root, 'docs', 'tasks');
const pages: [page: string, text: string][] = [
  ['README.md', readme],
  ...readdirSync(tasks).map((page): [string, string] => [
    `docs/tasks/${page}`,
    readFileSync(join(tasks, page), 'utf8'),
  ]),
];

function blocks(text: string, language: string): string[] {
  const found = text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'));
  return Array.from(found, ([, block]) => block!);
}

/** Each block with the page it is in, and a name for its test. */
function toursIn(language: string): [name: string, block: string][] {
  return pages.flatMap(([page, text]) =>
    blocks(text, language).map((block, i): [string, string] => [`${page}, ${i + 1}`, block]),
  );
}

let program: Program;
let folder: string;
let path: string;

beforeAll(async () => {
  program = await buildProgram();
  folder = scratchFolder();
  // The program by its name, and npm as it is after `npm ci`.
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const [name, line] of [
    ['gitstore', `exec '${process.execPath}' '${program.cli}' "$@"`],
    ['npx', 'exec "$@"'],
    ['npm', '[ "$*" = ci ]'],
  ]) {
    writeFileSync(join(bin, name!), `#!/bin/sh\n${line}\n`);
    chmodSync(join(bin, name!), 0o755);
  }
  path = `${bin}${delimiter}${process.env.PATH}`;
});

async function shell(script: string, cwd: string): Promise<Finished> {
  return await runCommand('sh', ['-c', script], { cwd, env: { PATH: path }, timeout: 120_000 });
}

describe.skipIf(process.platform === 'win32')('the pages', () => {
  test('README.md: the first command', async () => {
    const cwd = join(folder, 'clone');
    const commander = join(cwd, 'node_modules', 'commander');
    mkdirSync(commander, { recursive: true });
    writeFileSync(join(commander, 'index.js'), 'source\n');
    const end = await shell(blocks(readme, 'sh')[0]!, cwd);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    const output = end.stdout.toString();
    expect(output).toContain('index.js');
    expect(output).toMatch(/^hello$/m);
    expect(output).toContain('+ hello.txt');
  });

  test.each(toursIn('console'))('at a shell: %s', async (_name, block) => {
    const cwd = mkdtempSync(join(folder, 'tour-'));
    const steps = consoleSteps(block);
    const mark = '--- end of a step ---';
    const script = steps.map(({ command }) => `${command}\necho "${mark}"`).join('\n');
    const end = await shell(`set -e\nexec 2>&1\n${script}`, cwd);
    const outputs = end.stdout.toString().split(`${mark}\n`);
    for (const [i, { command, output }] of steps.entries()) {
      expect(outputs[i], command).toMatch(pattern(output));
    }
    expect(end).toMatchObject({ code: 0 });
  });

  test.each(toursIn('ts'))('in a program: %s', async (_name, source) => {
    const cwd = mkdtempSync(join(folder, 'tour-'));
    const expected = [...source.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);
    const { code } = await transform(source, { loader: 'ts' });
    installLibrary(cwd);
    writeFileSync(join(cwd, 'tour.mjs'), code);
    const ran = await runNode(['tour.mjs'], { cwd });
    expect(ran, ran.stderr).toMatchObject({ code: 0, stderr: '' });
    const printed = ran.stdout.toString().split('\n');
    expect(printed.filter((line) => line !== '')).toEqual(expected);
  });

  test('the programs are sound TypeScript', () => {
    // Below the repository, so that the compiler finds Node's types.
    const cache = join(root, 'node_modules', '.cache');
    mkdirSync(cache, { recursive: true });
    const cwd = mkdtempSync(join(cache, 'readme-'));
    try {
      const files = toursIn('ts').map(([, block], i) => {
        writeFileSync(join(cwd, `tour-${i}.ts`), block);
        return `tour-${i}.ts`;
      });
      const config = {
        extends: join(root, 'tsconfig.json'),
        compilerOptions: { paths: { gitstore: [join(root, 'src', 'index.ts')] } },
        include: [join(root, 'src', '**', '*.d.ts')],
        files,
      };
      writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(config));
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const { stdout } = spawnSync(process.execPath, [tsc, '-p', cwd], { encoding: 'utf8' });
      expect(stdout).toBe('');
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });

  test.each([...pages, ...otherPages()])('links of %s lead somewhere', (page, text) => {
    const folder = dirname(join(root, page));
    for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      expect(existsSync(join(folder, target)), target).toBe(true);
    }
  });
});

/** Pages without tours that are run. */
function otherPages(): [page: string, text: string][] {
  return ['docs', 'docs/decisions'].flatMap((directory) =>
    readdirSync(join(root, directory))
      .filter((name) => name.endsWith('.md'))
      .map((name): [string, string] => [
        `${directory}/${name}`,
        readFileSync(join(root, directory, name), 'utf8'),
      ]),
  );
}

interface Step {
  readonly command: string;
  readonly output: string;
}

function consoleSteps(text: string): Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = '', ...output] = step.trimEnd().split('\n');
      return { command, output: output.map((line) => `${line}\n`).join('') };
    });
}

/** The whole output, `…` for any text within a line. */
function pattern(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '[^\\n]+');
  return new RegExp(`^${escaped}$`);
}

/** `import … from 'gitstore'` finds the library built for this test. */
function installLibrary(cwd: string): void {
  const target = join(cwd, 'node_modules', 'gitstore');
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  writeFileSync(
    join(target, 'index.js'),
    `export * from ${JSON.stringify(pathToFileURL(program.library).href)};\n`,
  );
}

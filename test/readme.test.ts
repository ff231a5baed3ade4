/**
 * README.md does what it says: every line of its tours is run, and what it shows is what is printed.
 *
 * In a ```console block a line that begins with `$ ` is run, in one shell for the whole block, and the
 * lines below it are its output; `…` fits any text within a line. In the ```ts block a comment
 * `// → text` is what the program prints there.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, type Program } from './helpers/build.ts';
import { type Finished, runCommand, runNode } from './helpers/run.ts';
import { scratchFolder } from './helpers/scratch.ts';

const root = dirname(import.meta.dirname);
const readme = readFileSync(join(root, 'README.md'), 'utf8');

function block(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(readme)?.[1];
  if (found === undefined) throw new Error(`README.md has no ${language} block`);
  return found;
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
  return await runCommand('sh', ['-c', script], { cwd, env: { PATH: path } });
}

describe.skipIf(process.platform === 'win32')('README.md', () => {
  test('the first command', async () => {
    const cwd = join(folder, 'clone');
    const commander = join(cwd, 'node_modules', 'commander');
    mkdirSync(commander, { recursive: true });
    writeFileSync(join(commander, 'index.js'), 'source\n');
    const end = await shell(block('sh'), cwd);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    const output = end.stdout.toString();
    expect(output).toContain('index.js');
    expect(output).toMatch(/^hello$/m);
    expect(output).toContain('+ hello.txt');
  });

  test('the tour of the command line, then that of the library', async () => {
    const cwd = join(folder, 'tour');
    mkdirSync(cwd);
    const steps = consoleSteps(block('console'));
    const mark = '--- end of a step ---';
    const script = steps.map(({ command }) => `${command}\necho "${mark}"`).join('\n');
    const end = await shell(`set -e\nexec 2>&1\n${script}`, cwd);
    const outputs = end.stdout.toString().split(`${mark}\n`);
    for (const [i, { command, output }] of steps.entries()) {
      expect(outputs[i], command).toMatch(pattern(output));
    }
    expect(end).toMatchObject({ code: 0 });

    const source = block('ts');
    const expected = [...source.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);
    const { code } = await transform(source, { loader: 'ts' });
    installLibrary(cwd);
    writeFileSync(join(cwd, 'tour.mjs'), code);
    const ran = await runNode(['tour.mjs'], { cwd });
    expect(ran, ran.stderr).toMatchObject({ code: 0, stderr: '' });
    const printed = ran.stdout.toString().split('\n');
    expect(printed.filter((line) => line !== '')).toEqual(expected);
    expect(readFileSync(join(cwd, 'plans-out', 'plans', 'monday.txt'), 'utf8')).toBe('rest');
  });

  test('the tour of the library is sound TypeScript', () => {
    // Below the repository, so that the compiler finds Node's types.
    const cache = join(root, 'node_modules', '.cache');
    mkdirSync(cache, { recursive: true });
    const cwd = mkdtempSync(join(cache, 'readme-'));
    try {
      writeFileSync(join(cwd, 'tour.ts'), block('ts'));
      const config = {
        extends: join(root, 'tsconfig.json'),
        compilerOptions: { paths: { gitstore: [join(root, 'src', 'index.ts')] } },
        include: [join(root, 'src', '**', '*.d.ts')],
        files: ['tour.ts'],
      };
      writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(config));
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const { stdout } = spawnSync(process.execPath, [tsc, '-p', cwd], { encoding: 'utf8' });
      expect(stdout).toBe('');
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
});

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

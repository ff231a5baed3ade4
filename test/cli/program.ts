/** The built command line, run on a store of its own. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { buildProgram } from '../helpers/build.ts';
import { runProgram } from '../helpers/hosts.ts';
import type { Finished, RunOptions } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

export interface Result extends Omit<Finished, 'stdout'> {
  readonly stdout: string;
  readonly bytes: Buffer;
}

const { cli } = await buildProgram();

export function programPath(): string {
  return cli;
}

/** Runs `gitstore ARGS…`, whatever becomes of it. */
export async function gitstore(args: readonly string[], options?: RunOptions): Promise<Result> {
  const { stdout, ...rest } = await runProgram(cli, args, options);
  return { ...rest, stdout: stdout.toString(), bytes: stdout };
}

const USAGE_ERROR = /^Error: [^\n]+\. See 'gitstore help[^'\n]*'\n$/;
const SEE_HELP = /\. See 'gitstore help[^']*'$/;

/** A folder with a store in it, and the program bound to that store. */
export class Place {
  readonly folder = scratchFolder();
  readonly repo = join(this.folder, 'data.git');

  run(...args: string[]): Promise<Result> {
    return this.runWith({}, ...args);
  }

  runWith(options: RunOptions, ...args: string[]): Promise<Result> {
    const env = { GITSTORE_REPO: this.repo, ...options.env };
    return gitstore(args, { cwd: this.folder, ...options, env });
  }

  /**
   * Runs a command that must succeed without a word on stderr, but that a repository is new, and
   * returns its stdout.
   */
  async ok(...args: string[]): Promise<string> {
    return this.okWith({}, ...args);
  }

  async okWith(options: RunOptions, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.runWith(options, ...args);
    const others = stderr.replace(/^Created repository [^\n]+\n/, '');
    expect({ args, code, stderr: others }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  }

  /**
   * Runs a command that must fail with one line on stderr, and returns that line, without where the help
   * is, which ends each usage error.
   */
  async fails(code: 1 | 2, ...args: string[]): Promise<string> {
    const result = await this.run(...args);
    expect({ args, code: result.code, stdout: result.stdout, stderr: result.stderr }).toEqual({
      args,
      code,
      stdout: '',
      stderr: expect.stringMatching(code === 2 ? USAGE_ERROR : /^Error: [^\n]+\n$/),
    });
    return result.stderr.slice('Error: '.length, -1).replace(SEE_HELP, '');
  }
}

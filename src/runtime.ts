/**
 * Which program runs this code, and what can be asked of it. Node is what all is written for; where
 * another one differs, the difference is named here or tried where it matters, never guessed from a
 * version.
 */

import type * as Sea from 'node:sea';

export type RuntimeName = 'node' | 'electron' | 'bun' | 'deno';

/** What is looked at: `process` and the globals of a runtime, or what a test puts in their place. */
export interface RuntimeFacts {
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the executable carries its program within itself, as far as the runtime says. */
  readonly isStandalone: boolean;
}

export function runtimeOf({ versions }: Pick<RuntimeFacts, 'versions'>): RuntimeName {
  if (versions.bun !== undefined) return 'bun';
  if (versions.deno !== undefined) return 'deno';
  return versions.electron !== undefined ? 'electron' : 'node';
}

export const RUNTIME = runtimeOf(process);

/**
 * The file that this code came to be in, as a path or as a URL; undefined where a bundler says neither.
 * In a CommonJS bundle there is no `import.meta.url`.
 */
export const OWN_FILE: string | undefined =
  import.meta.url ?? (typeof __filename === 'string' ? __filename : undefined);

/**
 * Whether native modules made for Node may be loaded. Bun and Deno have Node-API, but of libuv only
 * names: the first call of one ends the process.
 */
export const LOADS_NATIVE_MODULES = RUNTIME === 'node' || RUNTIME === 'electron';

/**
 * Whether threads read well from a file that another thread has open. In Deno each has its descriptors for
 * itself; in Bun what such threads inflate comes out wrong.
 */
export const THREADS_READ_PACKS = RUNTIME === 'node' || RUNTIME === 'electron';

/** Whether file names are bytes to it. Deno knows text only, and puts U+FFFD for any other name. */
export const HAS_BYTE_NAMES = RUNTIME !== 'deno';

/**
 * The command that runs a script in a process of its own; undefined where the executable is an
 * application that would start a second time instead.
 */
export function scriptCommand(facts: RuntimeFacts = thisRuntime()): readonly string[] | undefined {
  const { execPath, env, isStandalone } = facts;
  if (isStandalone || execPath === '') return undefined;
  switch (runtimeOf(facts)) {
    case 'electron':
      // An application can forbid it (the fuse `runAsNode`), and then opens another window. One that
      // runs as Node already has not.
      return env.ELECTRON_RUN_AS_NODE ? [execPath] : undefined;
    case 'deno':
      return [execPath, 'run', '--allow-all'];
    default:
      return [execPath];
  }
}

interface Globals {
  readonly Bun?: { readonly main?: string };
  readonly Deno?: { readonly build: { readonly standalone?: boolean } };
}

function thisRuntime(): RuntimeFacts {
  const { versions, execPath, env } = process;
  return { versions, execPath, env, isStandalone: isStandalone() };
}

function isStandalone(): boolean {
  const { Bun, Deno } = globalThis as Globals;
  if (Deno !== undefined) return Deno.build.standalone === true;
  // Where `bun build --compile` keeps the program in its executable.
  if (Bun !== undefined) return /[/\\](?:\$bunfs|~BUN)[/\\]/.test(Bun.main ?? '');
  return singleExecutable()?.isSea() === true;
}

/** Whether the executable file has something of that name in it, put there when it was made. */
export function hasAsset(name: string): boolean {
  const sea = singleExecutable();
  if (sea?.isSea() !== true) return false;
  try {
    sea.getRawAsset(name);
    return true;
  } catch {
    // It has none of that name.
    return false;
  }
}

/** What Node knows of its executable file; other runtimes have no such module. */
function singleExecutable(): typeof Sea | undefined {
  return process.getBuiltinModule('node:sea') as typeof Sea | undefined;
}

/** Starts the bundled program: sets up how its files are loaded, and runs the command line. */
import { chunkLoader } from './chunks.ts';
import { commandName } from './commandName.ts';
import { CompileCache } from './compileCache.ts';

/** Set when the sources are bundled: the name under which `core.cjs` exports `run.ts`. */
declare const GITSTORE_START: string;

/**
 * @param folder of the other files, as stack traces name it
 * @param codeOf gives the text of one of them
 */
export function startProgram(folder: string, codeOf: (filename: string) => string): void {
  const args = process.argv.slice(2);
  const name = commandName(args);
  // The functions that V8 inlines into hot ones take longer to compile than a copy then gains by it. A flag
  // that a version does not have would be an error message, so only those where it was seen get it. What
  // is kept compiled belongs to the flags it was compiled with.
  if (name === 'cp' && /^(?:20|22|24|26)\./.test(process.versions.node)) {
    process
      .getBuiltinModule('node:v8')
      .setFlagsFromString('--max-inlined-bytecode-size-cumulative=200');
  }
  const cache = new CompileCache(/^[\w-]+$/.test(name) ? name : 'none');
  const load = chunkLoader(folder, codeOf, cache);
  const core = load('./core.cjs') as Record<string, typeof import('../run.ts')>;

  process.on('exit', (code) => {
    if (code === 0) cache.keep();
  });
  void core[GITSTORE_START]!.run(args, name);
}

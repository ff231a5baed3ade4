/**
 * Loads the files that the program was bundled into. Node's own `require` would do; this one compiles
 * through the cache, and needs no search for where a file lies or which kind it is.
 */
import { join } from 'node:path';
import type { CompileCache } from './compileCache.ts';

/** What a bundled file sees as `require`. */
interface ChunkRequire {
  (path: string): unknown;
  /** Gives back a module of Node's, or what a module exports in another file; loads it at the first call. */
  late(path: string, module?: string): () => unknown;
}

type ChunkBody = (
  exports: object,
  require: ChunkRequire,
  module: { exports: object },
  filename: string,
) => void;

/**
 * @param folder where the bundled files are
 * @param codeOf gives the text of one
 */
export function chunkLoader(
  folder: string,
  codeOf: (filename: string) => string,
  cache: CompileCache,
): (path: string) => object {
  const loaded = new Map<string, { exports: object }>();

  const load = (path: string): object => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    loaded.set(path, module);
    const filename = join(folder, path);
    const code = codeOf(filename);
    const body = cache.compile(code, filename, path).runInThisContext() as ChunkBody;
    body(module.exports, require, module, filename);
    return module.exports;
  };
  const require: ChunkRequire = Object.assign(
    (path: string) => (path.startsWith('./') ? load(path) : process.getBuiltinModule(path)),
    {
      late(path: string, module?: string) {
        let found: unknown;
        return () => {
          if (found !== undefined) return found;
          const all = require(path) as Record<string, unknown>;
          found = module === undefined ? all : all[module];
          return found;
        };
      },
    },
  );
  return load;
}

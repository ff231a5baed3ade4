/**
 * Loads the files that the program was bundled into. Node's own `require` would do; this one compiles
 * through the cache, and needs no search for where a file lies or which kind it is.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CompileCache } from './compileCache.ts';

/** What a bundled file sees as `require`. */
interface ChunkRequire {
  (path: string): unknown;
  /** A module of Node's that is loaded when something of it is first used. */
  late(path: string): object;
}

type ChunkBody = (
  exports: object,
  require: ChunkRequire,
  module: { exports: object },
  filename: string,
) => void;

/** @param folder where the bundled files are */
export function chunkLoader(folder: string, cache: CompileCache): (path: string) => object {
  const loaded = new Map<string, { exports: object }>();

  const load = (path: string): object => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    loaded.set(path, module);
    const filename = join(folder, path);
    // The bundler escapes what is not ASCII, and Latin-1 needs no decoding.
    const code = readFileSync(filename, 'latin1');
    const wrapped = `(function(exports,require,module,__filename){${code}\n})`;
    const body = cache.compile(wrapped, filename, path).runInThisContext() as ChunkBody;
    body(module.exports, require, module, filename);
    return module.exports;
  };
  const require: ChunkRequire = Object.assign(
    (path: string) => (path.startsWith('./') ? load(path) : process.getBuiltinModule(path)),
    {
      late(path: string) {
        let module: Record<PropertyKey, unknown> | undefined;
        return new Proxy(
          {},
          {
            get(_, name) {
              module ??= process.getBuiltinModule(path) as unknown as Record<PropertyKey, unknown>;
              return module[name];
            },
          },
        );
      },
    },
  );
  return load;
}

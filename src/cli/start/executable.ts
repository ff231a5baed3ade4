/** Where the program starts that is one executable file (scripts/sea.mjs): its other files are in it. */
import { basename, dirname, join } from 'node:path';
import { startProgram } from './startProgram.ts';

/** Set when the sources are bundled, as in main.ts. */
declare const GITSTORE_FOLDER: string;

const { getAsset } = process.getBuiltinModule('node:sea');

// What lies beside the executable, a native module say, is found as from a file there.
startProgram(join(dirname(process.execPath), GITSTORE_FOLDER), (filename) =>
  getAsset(basename(filename), 'utf8'),
);

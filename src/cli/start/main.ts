#!/usr/bin/env node
/**
 * Where the bundled program starts: a small file, so that all others are already compiled through the
 * cache.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram } from './startProgram.ts';

/** Set when the sources are bundled: the folder of the other files. */
declare const GITSTORE_FOLDER: string;

startProgram(join(import.meta.dirname, GITSTORE_FOLDER), (filename) =>
  readFileSync(filename, 'utf8'),
);

#!/usr/bin/env node
/**
 * Where the program starts. It does nothing itself, so that Node's compile cache (Node 22 and newer)
 * already serves the code that does.
 */
import * as nodeModule from 'node:module';

const { enableCompileCache } = nodeModule as { enableCompileCache?: () => unknown };
enableCompileCache?.();

void import('./run.ts').then(({ run }) => run(process.argv.slice(2)));

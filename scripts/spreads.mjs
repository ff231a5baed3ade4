/** Fails where src/ spreads a list in a call: see src/lists.ts. */
import { readdirSync, readFileSync } from 'node:fs';

/** The calls that take any number of items. Spreads within an object or a list are no arguments. */
const SPREAD = /\b(?:push|unshift|splice|concat|max|min|fromCharCode)\((?:[^(){}[\]]*,\s*)?\.\.\./;

const root = new URL('../src/', import.meta.url);
for (const name of readdirSync(root, { recursive: true })) {
  if (!name.endsWith('.ts')) continue;
  const lines = readFileSync(new URL(name.replaceAll('\\', '/'), root), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if (!SPREAD.test(line)) continue;
    console.error(`src/${name}:${index + 1}: ${line.trim()}: use src/lists.ts`);
    process.exitCode = 1;
  }
}

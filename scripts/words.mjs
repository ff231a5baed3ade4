/** Fails when a comment or message of src/ uses a phrase that CONTRIBUTING.md ("Words") rules out. */
import { readdirSync, readFileSync } from 'node:fs';

const RULED_OUT =
  /\b(so many|whoever|nobody|somebody|stands there|says nothing|is no matter|at hand|(as|in which) they lie|lets go of|no word on)/i;

const root = new URL('../src/', import.meta.url);
let found = 0;
for (const name of readdirSync(root, { recursive: true })) {
  if (!name.endsWith('.ts')) continue;
  const lines = readFileSync(new URL(name.replaceAll('\\', '/'), root), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const phrase = RULED_OUT.exec(line)?.[0];
    if (phrase === undefined) continue;
    found++;
    console.error(`src/${name}:${index + 1}: “${phrase.trim()}”: ${line.trim()}`);
  }
}
if (found > 0) {
  console.error('Say it plainly: see "Words" in CONTRIBUTING.md.');
  process.exitCode = 1;
}

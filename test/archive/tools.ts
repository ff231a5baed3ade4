/** Other programs for archives, as referees. A test that needs one that is missing is skipped. */
import { spawnSync } from 'node:child_process';
import { it } from 'vitest';

const known = new Map<string, boolean>();

export function hasTool(name: string): boolean {
  let has = known.get(name);
  if (has === undefined) {
    has = spawnSync(name, [name === 'unzip' || name === 'zip' ? '-v' : '--version']).status === 0;
    known.set(name, has);
  }
  return has;
}

/** A test that needs the programs; without them it is skipped and says which are missing. */
export function itWith(
  tools: readonly string[],
  name: string,
  test: () => void | Promise<void>,
): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length === 0) it(name, test);
  else it.skip(`${name} (needs ${missing.join(', ')})`, test);
}

/** What a program prints, as bytes. @throws when it fails */
export function runTool(
  command: string,
  args: readonly string[],
  options: { cwd?: string; input?: Uint8Array } = {},
): Buffer {
  const result = spawnSync(command, args, { maxBuffer: 1 << 28, ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: exit ${result.status}\n${result.stderr}`);
  }
  return result.stdout;
}

/** The bytes in pieces of some size, each in memory that is used again. */
export async function* inPieces(
  bytes: Uint8Array,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    memory.set(piece);
    yield memory.subarray(0, piece.length);
  }
}

export async function gathered(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

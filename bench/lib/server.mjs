/** Servers that a figure starts and stops. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { environment } from './measure.mjs';

/**
 * Starts `node ARGS…` and waits for the line that tells its port.
 * @param stream 'stdout' or 'stderr', where that line comes
 * @param port a pattern whose first group is the port
 */
export async function startServer(args, stream, port) {
  const child = spawn(process.execPath, args, {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for await (const line of createInterface(child[stream])) {
    const found = port.exec(line)?.[1];
    if (found === undefined) throw new Error(`${args.join(' ')}: ${line}`);
    return { url: `http://127.0.0.1:${found}/`, stop: () => child.kill() };
  }
  throw new Error(`${args.join(' ')} ended`);
}

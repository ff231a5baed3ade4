/** What `serve` and `gitserve` share: where to listen, and how to run until they are stopped. */
import { spawn } from 'node:child_process';
import type { RequestListener } from 'node:http';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_HOST, DEFAULT_PORT, listen } from '../../server/httpServer.ts';
import { collect } from '../arguments/options.ts';
import { SIGNALS } from '../interruption.ts';
import { printNote } from '../output/output.ts';

export interface ListenChoices {
  host: string;
  port: number;
  allowHost?: string[] | undefined;
}

const LARGEST_PORT = 65_535;

export function addListen(command: Command): Command {
  return command
    .option('--host <host>', 'name or address to listen on', DEFAULT_HOST)
    .addOption(
      new Option('-p, --port <n>', 'port to listen on; 0: any free one')
        .argParser(parsePort)
        .default(DEFAULT_PORT),
    )
    .addOption(
      new Option(
        '--allow-host <name>',
        'answer to this name too when listening on this machine only, as behind a proxy; .NAME with all below it, * any (repeatable)',
      ).argParser(collect),
    );
}

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= LARGEST_PORT)) {
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${LARGEST_PORT}.`);
  }
  return port;
}

/**
 * Listens, tells the URL on stderr, and serves until SIGINT or SIGTERM; then requests that run are
 * finished. A second signal breaks them off.
 * @param what what is served, for the line with the URL
 * @param ready is told the URL once connections are accepted
 */
export async function runServer(
  handler: RequestListener,
  choices: ListenChoices,
  what: string,
  path = '/',
  ready: (url: string) => void = () => {},
): Promise<void> {
  const { host, port, allowHost } = choices;
  const server = await listen(handler, { host, port, allowedHosts: allowHost });
  const url = server.url + path;
  const stopped = new Promise<void>((resolve) => {
    let times = 0;
    const stop = () => {
      times++;
      if (times > 1) server.abort();
      else resolve(server.close());
    };
    // With nohup it is meant to outlive its terminal.
    const signals = SIGNALS.filter((signal) => signal !== 'SIGHUP');
    for (const signal of signals) process.on(signal, stop);
  });
  printNote(`Serving ${what} at ${url}`);
  ready(url);
  await stopped;
}

/** Opens a URL in the user's browser. Where there is none, nothing happens. */
export function openBrowser(url: string): void {
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['rundll32', ['url.dll,FileProtocolHandler', url]]
        : ['xdg-open', [url]];
  const child = spawn(command as string, args as string[], { stdio: 'ignore', detached: true });
  child.on('error', () => {
    printNote('No browser could be opened.');
  });
  child.unref();
}

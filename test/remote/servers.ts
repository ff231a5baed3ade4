/** Real Git behind HTTP, a daemon and ssh, all on this machine, for tests. */
import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { atEndOfFile } from '../helpers/endOfFile.ts';
import { gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

function closeAtEnd(server: Server): void {
  atEndOfFile(() => {
    server.close();
    server.closeAllConnections();
  });
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on a free port of this machine; its base URL without a slash at the end. */
export async function serveHttp(handler: Handler): Promise<string> {
  const server = createServer(handler);
  closeAtEnd(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Hands requests to `git http-backend`, which serves the repositories below `root`. */
export function httpBackend(root: string): Handler {
  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const { headers } = request;
    const env: NodeJS.ProcessEnv = {
      ...gitEnvironment,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      REMOTE_USER: 'test',
      ...(headers['content-length'] !== undefined && { CONTENT_LENGTH: headers['content-length'] }),
      ...(headers['git-protocol'] !== undefined && {
        GIT_PROTOCOL: String(headers['git-protocol']),
      }),
    };
    const child = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    request.pipe(child.stdin);
    child.stdin.on('error', () => {});
    let head = Buffer.alloc(0);
    let begun = false;
    child.stdout.on('data', (data: Buffer) => {
      if (begun) return void response.write(data);
      head = Buffer.concat([head, data]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      begun = true;
      let status = 200;
      for (const line of head.toString('latin1', 0, end).split('\r\n')) {
        const at = line.indexOf(': ');
        const [name, value] = [line.slice(0, at), line.slice(at + 2)];
        if (name === 'Status') status = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.writeHead(status);
      response.write(head.subarray(end + 4));
    });
    child.stdout.on('end', () => response.end());
  };
}

/** `git daemon` over the repositories below `root`; the base URL without a slash at the end. */
export async function gitDaemon(root: string): Promise<string> {
  const port = await freePort();
  const args = ['daemon', '--reuseaddr', '--export-all', `--base-path=${root}`];
  const more = ['--enable=receive-pack', '--listen=127.0.0.1', `--port=${port}`, root];
  const child = spawn('git', [...args, ...more], { env: gitEnvironment, stdio: 'ignore' });
  // Git passes it on to the process that listens, which a SIGKILL would leave behind.
  atEndOfFile(() => child.kill('SIGTERM'));
  for (let tries = 0; ; tries++) {
    if (await answers(port)) return `git://127.0.0.1:${port}`;
    if (tries === 100) throw new Error('git daemon does not answer');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * A program that writes its arguments to `log`, one a line, and then does something.
 * @param tail shell script
 */
export function fakeProgram(name: string, tail: string): { program: string; log: string } {
  const folder = scratchFolder();
  const program = join(folder, name);
  const log = join(folder, 'log');
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" >> '${log}'\n${tail}\n`);
  chmodSync(program, 0o755);
  return { program, log };
}

/** Stands in for ssh: by default it runs here what it is asked for. */
export function fakeSsh(tail = 'for last; do :; done\nexec sh -c "$last"') {
  return fakeProgram('ssh', tail);
}

/** A credential helper of Git, and a configuration file that names it. */
export function credentialHelper(username: string, password: string) {
  const script = `cat > /dev/null\n[ "$1" = get ] && printf 'username=%s\\npassword=%s\\n' '${username}' '${password}'\n`;
  const { program, log } = fakeProgram('helper', `${script}exit 0`);
  const config = join(scratchFolder(), 'config');
  writeFileSync(config, `[credential]\n\thelper = "!${program}"\n`);
  return { config, log };
}

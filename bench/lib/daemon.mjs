/** A `git daemon` on this machine, for the time of one call. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { environment } from './measure.mjs';

/** Serves the repositories below `root`, pushes too; `use` gets the base URL. */
export async function withDaemon(root, use) {
  const port = await freePort();
  const options = ['--reuseaddr', '--export-all', '--enable=receive-pack', '--listen=127.0.0.1'];
  const args = ['daemon', ...options, `--port=${port}`, `--base-path=${root}`, root];
  const child = spawn('git', args, { env: environment, stdio: 'ignore' });
  try {
    for (let tries = 0; !(await answers(port)); tries++) {
      if (tries === 100) throw new Error('git daemon does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return await use(`git://127.0.0.1:${port}`);
  } finally {
    child.kill();
  }
}

async function answers(port) {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

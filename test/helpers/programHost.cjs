/**
 * Runs the built program again and again in one process, each time from its first file on and with modules of its
 * own. Most tests ask what one run prints and does; to start Node costs several times as much as such a run.
 *
 * programHost.cjs CLI FOLDER: takes messages `{args, cwd, env}`. FOLDER holds `in`, and gets `out` and `err`, which
 * are stdin, stdout and stderr of a run; it is removed when the caller ends. Answers `{code, isClean}`. A process that
 * is not as it was before (open files, timers, sockets) should not be used again.
 */
'use strict';
const fs = require('node:fs');
const { join } = require('node:path');

const [, , cli, folder] = process.argv;
const ENDED = new Error('The program has ended');
const EVENTS = ['exit', 'beforeExit', 'warning', 'SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'];
const openFiles = () => fs.readdirSync('/proc/self/fd').length;

let end;
process.exit = process.reallyExit = (code) => {
  end(Number(code ?? process.exitCode ?? 0));
  throw ENDED;
};
for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => {
    if (error === ENDED) return;
    fs.writeSync(2, `${error?.stack ?? error}\n`);
    end(1);
  });
}

function redirect(fd, path, flags) {
  fs.closeSync(fd);
  if (fs.openSync(path, flags) !== fd) throw new Error(`${fd} is not the next descriptor`);
}

async function run({ args, cwd, env }) {
  const idle = process.getActiveResourcesInfo().length;
  const files = openFiles();
  const listeners = new Map(EVENTS.map((event) => [event, process.rawListeners(event)]));
  redirect(0, join(folder, 'in'), 'r');
  redirect(1, join(folder, 'out'), 'a');
  redirect(2, join(folder, 'err'), 'a');
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv = [process.execPath, cli, ...args];
  process.exitCode = undefined;
  delete require.cache[cli];
  const code = await new Promise((resolve) => {
    end = resolve;
    try {
      require(cli);
    } catch (error) {
      if (error === ENDED) return;
      fs.writeSync(2, `${error?.stack ?? error}\n`);
      resolve(1);
    }
  });
  for (const [event, before] of listeners) {
    for (const listener of process.rawListeners(event)) {
      if (before.includes(listener)) continue;
      if (event === 'exit') listener.call(process, code);
      process.removeListener(event, listener);
    }
  }
  process.exitCode = undefined;
  await new Promise(setImmediate);
  const isClean = openFiles() === files && process.getActiveResourcesInfo().length === idle;
  process.send({ code, isClean });
}

process.on('message', run);
process.on('disconnect', () => {
  fs.rmSync(folder, { recursive: true, force: true });
  process.kill(process.pid, 'SIGKILL');
});

/**
 * Runs programs for a test process, one after the other: requests come through one named pipe, answers go
 * through the other. Ends with the test process.
 */
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

const [requests, answers] = process.argv.slice(2);
const input = fs.openSync(requests, 'r');
const output = fs.openSync(answers, 'w');

/** The next bytes of the pipe; undefined at its end. */
function read(length) {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const count = fs.readSync(input, bytes, at, length - at, null);
    if (count === 0) return undefined;
    at += count;
  }
  return bytes;
}

function write(bytes) {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(output, bytes, at);
}

for (let head = read(8); head !== undefined; head = read(8)) {
  const { command, args, cwd, env } = JSON.parse(read(head.readUInt32LE(0)).toString());
  const stdin = read(head.readUInt32LE(4));
  const result = spawnSync(command, args, { cwd, env, input: stdin, maxBuffer: 2 ** 28 });
  const { status, signal, error, stdout, stderr } = result;
  const sizes = [stdout?.length ?? 0, stderr?.length ?? 0];
  const text = Buffer.from(JSON.stringify({ status, signal, error: error?.message, sizes }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  write(Buffer.concat([length, text, stdout ?? Buffer.alloc(0), stderr ?? Buffer.alloc(0)]));
}

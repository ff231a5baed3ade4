/**
 * http-rival.mjs memory|stream FILE: a bare Node server that answers every request with the file,
 * from memory or streamed from the disk. Prints its port.
 */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';

const [, , how, file] = process.argv;
const body = how === 'memory' ? readFileSync(file) : undefined;
const length = statSync(file).size;

const server = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': length });
  if (body !== undefined) response.end(body);
  else createReadStream(file).pipe(response);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

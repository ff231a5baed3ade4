/** A proxy before an object storage that counts requests and bytes of bodies, and may be far away. */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** @param delay milliseconds that each request takes longer */
export async function countingProxy(target, delay = 0) {
  const { hostname, port } = new URL(target);
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer(async (request, response) => {
    proxy.requests++;
    if (delay > 0) await sleep(delay);
    const { method, url: path, rawHeaders: headers } = request;
    const outgoing = http.request({ agent, hostname, port, method, path, headers }, (incoming) => {
      response.writeHead(incoming.statusCode, incoming.rawHeaders);
      incoming.on('data', (chunk) => {
        proxy.received += chunk.length;
      });
      incoming.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    request.on('data', (chunk) => {
      proxy.sent += chunk.length;
    });
    request.pipe(outgoing);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = {
    endpoint: `http://127.0.0.1:${server.address().port}`,
    reset() {
      proxy.requests = 0;
      proxy.sent = 0;
      proxy.received = 0;
    },
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  proxy.reset();
  return proxy;
}

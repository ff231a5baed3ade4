/**
 * s3-plain.mjs put|get BUCKET KEY FILE: one plain request to the object storage that AWS_* variables name, the
 * body streamed. Prints the CPU time in ms as JSON.
 */
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import http from 'node:http';
import { pipeline } from 'node:stream/promises';
import aws4 from 'aws4';

const [verb, bucket, key, file] = process.argv.slice(2);
const { AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
const url = new URL(`/${bucket}/${key}`, AWS_ENDPOINT_URL_S3);
const method = verb.toUpperCase();
const headers = { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' };
if (verb === 'put') headers['Content-Length'] = statSync(file).size;
const what = { service: 's3', region: AWS_REGION, method, host: url.host, path: url.pathname };
const signed = aws4.sign(
  { ...what, headers },
  { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
);
const began = performance.now();
const outgoing = http.request(url, { method, headers: signed.headers });
const answer = new Promise((resolve, reject) => {
  outgoing.once('response', resolve);
  outgoing.once('error', reject);
});
if (verb === 'put') await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), outgoing);
else outgoing.end();
const incoming = await answer;
if (incoming.statusCode !== 200) throw new Error(`${method} ${key}: ${incoming.statusCode}`);
if (verb === 'get') await pipeline(incoming, createWriteStream(file));
else incoming.resume();
const ms = performance.now() - began;
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ cpu: (user + system) / 1000, ms }));

/** Which names a server answers to: a page of a web site must not read it through a browser. */
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type ListenOptions, listen, type RunningServer } from '../../src/server/index.ts';
import { memoryStore } from '../store/stores.ts';
import { Client } from './client.ts';

const running: RunningServer[] = [];

afterEach(() => {
  for (const server of running) server.abort();
  running.length = 0;
});

/** The status for a request that calls the server so. */
async function statusFor(host: string | undefined, options: ListenOptions = {}): Promise<number> {
  const server = await listen((_, response) => response.end('read'), { ...options, port: 0 });
  running.push(server);
  return new Promise((resolve, reject) => {
    const headers = host === undefined ? {} : { host };
    const sent = request({ host: '127.0.0.1', port: server.port, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('a server that only this machine reaches', () => {
  it.each([
    '127.0.0.1',
    '127.0.0.1:8000',
    '[::1]:8000',
    '192.168.1.7:80',
    'localhost',
    'LocalHost.:8000',
    'notes.localhost:8000',
  ])('answers to %s', async (host) => {
    expect(await statusFor(host)).toBe(200);
  });

  it.each([
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    'notlocalhost',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    '[::1].evil.example',
  ])('does not answer to %s', async (host) => {
    expect(await statusFor(host)).toBe(403);
  });

  it('answers to names that it is given', async () => {
    const allowedHosts = ['Data.example', '.lab.example'];
    for (const host of ['data.example:80', 'lab.example', 'a.b.lab.example']) {
      expect(await statusFor(host, { allowedHosts })).toBe(200);
    }
    for (const host of ['sub.data.example', 'evillab.example']) {
      expect(await statusFor(host, { allowedHosts })).toBe(403);
    }
    expect(await statusFor('any.example', { allowedHosts: ['*'] })).toBe(200);
  });

  it('tells a visitor how to allow the name, and nothing else', async () => {
    const store = await memoryStore();
    const client = await Client.of(store);
    const { status, text, headers } = await client.ask('/', { host: 'evil.example' });
    expect([status, text]).toEqual([
      403,
      "This server does not answer to the name 'evil.example' (--allow-host evil.example)\n",
    ]);
    expect(headers['access-control-allow-origin']).toBeUndefined();
    const odd = await client.ask('/', { host: '<b>"\'' });
    expect(odd.text).toContain("'?b???'");
    expect(client.faults).toEqual([]);
  });
});

it('a server that others reach answers to every name', async () => {
  expect(await statusFor('data.example', { host: '0.0.0.0' })).toBe(200);
});

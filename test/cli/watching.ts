/** `sync --watch` at work. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { GitStore } from '../../src/store/gitStore.ts';
import { filesOnDisk } from '../transfer/trees.ts';
import { type Place, programPath } from './program.ts';

export class Watching {
  readonly place: Place;
  readonly work: string;
  stdout = '';
  stderr = '';
  readonly #child;
  readonly ended: Promise<number | null>;

  constructor(place: Place, ...args: string[]) {
    this.place = place;
    this.work = join(place.folder, 'work');
    this.#child = spawn(
      process.execPath,
      [programPath(), '-r', place.repo, 'sync', '--watch', '--debounce', '100', ...args, 'work'],
      { cwd: place.folder },
    );
    this.#child.stdout.on('data', (data) => {
      this.stdout += data;
    });
    this.#child.stderr.on('data', (data) => {
      const text = this.stderr + data;
      this.stderr = text.replace(/^(?:(?:Created repository|Watching) [^\n]+\n)+/, '');
    });
    this.ended = new Promise((resolve) => this.#child.on('close', resolve));
  }

  /** Waits until the repository holds what the folder holds. */
  async inSync(): Promise<void> {
    let [stored, local]: unknown[] = [];
    for (let tries = 0; tries < 300; tries++) {
      await sleep(50);
      if (!existsSync(this.work) || !existsSync(join(this.place.repo, 'refs/heads/main'))) continue;
      try {
        local = Object.keys(filesOnDisk(this.work)).sort();
        const store = await GitStore.open(this.place.repo, { create: false });
        const fs = await store.branches.get('main');
        const names = await fs.ls('', { recursive: true });
        stored = names;
        let same = names.join('\0') === (local as string[]).join('\0');
        const files = filesOnDisk(this.work);
        for (const name of same ? names : []) same &&= (await fs.readText(name)) === files[name];
        await store.close();
        if (same) return;
      } catch {
        // The folder changes meanwhile.
      }
    }
    expect({ stored, stderr: this.stderr, stdout: this.stdout }).toEqual({ stored: local });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Reads no more of what it prints. */
  hangUp(): void {
    this.#child.stdout.destroy();
  }

  /** Waits until it has printed something that fits. */
  async says(what: RegExp): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      if (what.test(this.stdout + this.stderr)) return;
      await sleep(50);
    }
    expect(this.stdout + this.stderr).toMatch(what);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGINT');
    expect(await this.ended).toBe(0);
  }
}

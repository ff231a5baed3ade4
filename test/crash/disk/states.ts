/** The states in which a crash of the machine can leave a directory, as a recording has it. */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { applyEvent, copyOf, type DiskEvent, type Node, type Recording, ROOT } from './recorder.ts';

/**
 * `journal`: changes of names reach the disk in their order, and all before an fsync with it, as on
 * ext4, XFS, APFS and NTFS. `posix`: any change of a name may be missing until its directory is fsynced.
 * In both, what was written to a file since its last fsync may be missing, from any write on.
 */
export type Model = 'journal' | 'posix';

/**
 * One of the states after the first `end` events.
 * @param random in [0, 1)
 */
export function stateAfter(
  recording: Recording,
  end: number,
  model: Model,
  random: () => number,
): Map<number, Node> {
  const events = recording.events.slice(0, end);
  const nodes = new Map<number, Node>();
  for (const [id, node] of [...recording.base, ...recording.made]) nodes.set(id, copyOf(node));
  const syncs = new Map<number, number>();
  let lastSync = -1;
  for (const [i, event] of events.entries()) {
    if (event.op !== 'sync') continue;
    syncs.set(event.node, i);
    lastSync = i;
  }
  // Nothing, anything or everything of what need not be there.
  const bias = [0, 0.5, 1][Math.floor(random() * 3)]!;
  const happens = () => random() < bias;
  const cut = lastSync + 1 + Math.floor(random() * (end - lastSync));
  /** Files of which the rest is missing. */
  const cutShort = new Set<number>();
  for (const [i, event] of events.entries()) {
    if (event.op === 'sync') continue;
    if (event.op === 'write' || event.op === 'truncate') {
      if (i > (syncs.get(event.node) ?? -1)) {
        if (cutShort.has(event.node)) continue;
        if (!happens()) {
          cutShort.add(event.node);
          // The size may be there without the data.
          if (random() < 0.3 && event.op === 'write') {
            applyEvent(nodes, { ...event, data: Buffer.alloc(event.data.length) });
          }
          continue;
        }
      }
    } else if (model === 'journal' ? i >= cut : !isSettled(event, i, syncs) && !happens()) continue;
    applyEvent(nodes, event);
  }
  return nodes;
}

function isSettled(
  event: Exclude<DiskEvent, { op: 'sync' | 'write' | 'truncate' }>,
  at: number,
  syncs: ReadonlyMap<number, number>,
): boolean {
  const dir = event.op === 'rename' ? event.toDir : event.dir;
  return (syncs.get(dir) ?? -1) > at;
}

/** Makes a directory that is in that state. */
export function materialise(nodes: ReadonlyMap<number, Node>, path: string): void {
  const made = new Map<number, string>();
  const make = (id: number, at: string): void => {
    const node = nodes.get(id)!;
    const first = made.get(id);
    if (first !== undefined) {
      // A directory with two names is none that a file system shows.
      if (node.kind === 'file') linkSync(first, at);
      return;
    }
    made.set(id, at);
    if (node.kind === 'file') writeFileSync(at, node.data);
    else if (node.kind === 'link') symlinkSync(ofDeadProcess(node.target), at);
    else {
      mkdirSync(at);
      for (const [name, child] of node.entries) make(child, `${at}/${name}`);
    }
  };
  make(ROOT, path);
}

/** After a crash of the machine no process is left that a holder link (holder.ts) could name. */
function ofDeadProcess(target: string): string {
  return target.replace(/^([kf])\d+\./, '$1999999999.');
}

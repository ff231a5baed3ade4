/**
 * The order of objects in a pack, as Git's `compute_write_order`. Commits and tags come first, then trees,
 * each in the order they were found, because walks of history read only those. Then blobs, each with the
 * deltas around it, so that a chain is in one place.
 */
import { Kind, type ObjectTable } from '../../inventory/objectTable.ts';

/**
 * @param base of each object in the pack to be, or -1
 * @returns the objects in writing order; a base may still come behind its delta
 */
export function writeOrder(table: ObjectTable, objects: Int32Array, base: Int32Array): Int32Array {
  const { kind } = table.columns;
  const order = new Int32Array(objects.length);
  const placed = new Uint8Array(table.count);
  let length = 0;
  for (const wanted of [[Kind.commit, Kind.tag], [Kind.tree]]) {
    for (const object of objects) {
      if (!wanted.some((one) => one === kind[object])) continue;
      placed[object] = 1;
      order[length++] = object;
    }
  }
  const { first, next } = children(objects, base);
  const stack: number[] = [];
  for (const object of objects) {
    if (placed[object] === 1) continue;
    let root = object;
    while (base[root] !== -1 && placed[base[root]!] === 0) root = base[root]!;
    stack.push(root);
    while (stack.length > 0) {
      const member = stack.pop()!;
      if (placed[member] === 0) {
        placed[member] = 1;
        order[length++] = member;
      }
      for (let child = first[member]!; child !== -1; child = next[child]!) stack.push(child);
    }
  }
  return order.subarray(0, length);
}

/** The deltas of each base, as linked lists. */
function children(objects: Int32Array, base: Int32Array): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(base.length).fill(-1);
  const next = new Int32Array(base.length).fill(-1);
  for (const object of objects) {
    const parent = base[object]!;
    if (parent === -1) continue;
    next[object] = first[parent]!;
    first[parent] = object;
  }
  return { first, next };
}

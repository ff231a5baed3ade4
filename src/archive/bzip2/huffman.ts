/** Lengths of Huffman codes. */

/**
 * Code lengths for symbols of these frequencies, from 1 to `limit`; a symbol that never occurs gets a
 * code too. Where a code would be too long, the frequencies are made more alike, as bzip2 does.
 */
export function codeLengths(frequencies: Uint32Array, limit: number): Uint8Array {
  const size = frequencies.length;
  const weights = Float64Array.from(frequencies, (frequency) => Math.max(1, frequency));
  for (;;) {
    const lengths = buildLengths(weights);
    if (lengths.every((length) => length <= limit)) return lengths;
    for (let i = 0; i < size; i++) weights[i] = 1 + Math.floor(weights[i]! / 2);
  }
}

/** Two queues, of leaves and of joined nodes, both in order of weight. */
function buildLengths(weights: Float64Array): Uint8Array {
  const size = weights.length;
  const leaves = Uint32Array.from(weights.keys()).sort(
    (a, b) => weights[a]! - weights[b]! || a - b,
  );
  const nodeWeights = new Float64Array(size - 1);
  const parents = new Uint32Array(2 * size - 1);
  let leaf = 0;
  let node = 0;
  const smallest = (made: number): { id: number; weight: number } => {
    const leafWeight = leaf < size ? weights[leaves[leaf]!]! : Number.POSITIVE_INFINITY;
    const nodeWeight = node < made ? nodeWeights[node]! : Number.POSITIVE_INFINITY;
    if (leafWeight <= nodeWeight) return { id: leaves[leaf++]!, weight: leafWeight };
    return { id: size + node++, weight: nodeWeight };
  };
  for (let made = 0; made < size - 1; made++) {
    const a = smallest(made);
    const b = smallest(made);
    nodeWeights[made] = a.weight + b.weight;
    parents[a.id] = size + made;
    parents[b.id] = size + made;
  }
  const depths = new Uint8Array(2 * size - 1);
  for (let id = 2 * size - 3; id >= 0; id--) depths[id] = depths[parents[id]!]! + 1;
  return depths.subarray(0, size);
}

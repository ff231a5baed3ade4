/**
 * The table. A row is
 *   { work, ours, rival?, unit, ratio?, bar?, kind, ok?, note? }
 * where kind 'ratio' compares ours / rival with the bar, kind 'limit' compares ours itself, and
 * kind 'info' has no bar.
 */
const widths = [54, 12, 12, 7, 9, 4];

export function printHead() {
  print(['work', 'ours', 'rival', 'ratio', 'bar', 'ok']);
  console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
}

export function printRow(row) {
  const bar = row.bar === undefined ? '' : `≤ ${row.bar}${row.kind === 'limit' ? row.unit : ''}`;
  print([
    row.work,
    measure(row.ours, row.unit),
    measure(row.rival, row.unit),
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    bar,
    row.ok === undefined ? '' : row.ok ? 'yes' : 'NO',
  ]);
  if (row.note) console.log(`    ${row.note}`);
}

/** A row for two medians and the bar of their ratio. */
export function ratioRow(work, pair, unit, bar, note) {
  return {
    kind: bar === undefined ? 'info' : 'ratio',
    work,
    ...pair,
    unit,
    ...(bar === undefined ? {} : { bar, ok: pair.ratio <= bar }),
    note,
  };
}

/** A row for one value that must not pass a limit. */
export function limitRow(work, ours, unit, bar, note) {
  return { kind: 'limit', work, ours, unit, bar, ok: ours <= bar, note };
}

/** A row for a rival that is not installed. */
export function skippedRow(work, reason) {
  return { kind: 'info', work, note: `skipped: ${reason}` };
}

function measure(value, unit) {
  if (value === undefined) return '';
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

function print(cells) {
  console.log(`| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`);
}

/**
 * Loaded before a program with --import: writes the peak resident memory of the process, in bytes,
 * to BENCH_MEMORY_REPORT when it exits. On Linux this is VmHWM, which unlike getrusage(2) does not
 * count what the parent held when it forked.
 */
import { readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  writeFileSync(process.env.BENCH_MEMORY_REPORT, String(peakBytes()));
});

function peakBytes() {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

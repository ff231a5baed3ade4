/** One line that says where the numbers come from. */
import { execFileSync } from 'node:child_process';
import { arch, cpus, platform } from 'node:os';

export function describeMachine() {
  return {
    cpu: `${cpus().length} × ${cpus()[0].model}`,
    system: `${platform()} ${arch()}`,
    node: `Node ${process.version}`,
    git: execFileSync('git', ['--version'], { encoding: 'utf8' }).trim(),
  };
}

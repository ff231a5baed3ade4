/**
 * Programs run on a terminal: a pseudo-terminal that Python's `pty` module makes, as Node has none. What
 * the program writes there is played on a small screen.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { gitEnvironment } from './git.ts';

/** Makes the terminal, hands on what is written there, and types what comes on its own stdin. */
const SCRIPT = `
import fcntl, os, pty, select, struct, sys, termios
columns, stdin = int(sys.argv[1]), os.dup(0)
given = int(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    if given: os.dup2(given, 0)
    os.execvp(sys.argv[3], sys.argv[3:])
if given: os.close(given)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
sources = [terminal, stdin]
while True:
    ready, _, _ = select.select(sources, [], [])
    if stdin in ready:
        keys = os.read(stdin, 100)
        if keys: os.write(terminal, keys)
        else: sources.remove(stdin)
    if terminal in ready:
        try: output = os.read(terminal, 65536)
        except OSError: output = b''
        if not output: break
        os.write(1, output)
status = os.waitpid(child, 0)[1]
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
`;

/** Whether there are terminals for tests here. */
export const hasTerminals =
  process.platform !== 'win32' && spawnSync('python3', ['-c', 'import pty, termios']).status === 0;

export class TerminalSession {
  readonly #process: ChildProcess;
  readonly #columns: number;
  readonly #ended: Promise<number | null>;
  #output = '';
  #onOutput = () => {};

  /**
   * Starts a program whose stdout and stderr are a terminal of so many columns.
   * @param isTyped whether its stdin is the terminal too, and no pipe
   */
  constructor(
    columns: number,
    command: readonly string[],
    env: NodeJS.ProcessEnv = {},
    isTyped = false,
  ) {
    const { CI: _, GITSTORE_REPO: __, VOST_REPO: ___, ...inherited } = gitEnvironment;
    this.#columns = columns;
    this.#process = spawn(
      'python3',
      ['-c', SCRIPT, String(columns), isTyped ? '0' : '3', ...command],
      {
        env: { ...inherited, TERM: 'xterm', ...env },
        stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
      },
    );
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#onOutput();
    });
    // The program may end without having read its input.
    this.#input.on('error', () => {});
    this.#ended = new Promise((resolve) => this.#process.on('close', resolve));
  }

  /** Waits until the program has written something that fits, or has ended. */
  async waitFor(pattern: RegExp): Promise<void> {
    const isThere = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (pattern.test(this.#output)) resolve();
      };
      this.#onOutput();
    });
    await Promise.race([isThere, this.#ended]);
  }

  type(keys: string): void {
    this.#process.stdin?.write(keys);
  }

  /** Gives the program the rest of its input. */
  input(bytes: Uint8Array): void {
    this.#input.end(bytes);
  }

  /** Waits for the end. The exit code is 128 and the signal's number for an end by a signal. */
  async end(): Promise<{ code: number | null; screen: Screen }> {
    const code = await this.#ended;
    return { code, screen: play(this.#output, this.#columns) };
  }

  get #input(): NodeJS.WritableStream {
    return this.#process.stdio[3] as unknown as NodeJS.WritableStream;
  }
}

export interface Screen {
  /** What stands there at the end; the last one is where the cursor is. */
  readonly lines: readonly string[];
  /** All that was written, with the codes that drive a terminal. */
  readonly output: string;
  /** All that any line has shown on the way. */
  readonly shown: readonly string[];
  /** A line ran over the edge. */
  readonly wrapped: boolean;
  readonly isCursorVisible: boolean;
}

/** What a terminal makes of the output, as far as the program uses it. */
function play(output: string, columns: number): Screen {
  const lines = [''];
  const shown: string[] = [];
  let column = 0;
  let wrapped = false;
  let isCursorVisible = true;
  for (const [token] of output.matchAll(/\x1b\[[?0-9;]*[A-Za-z]|[\s\S]/gu)) {
    const line = lines.at(-1)!;
    if (token === '\n') lines.push('');
    else if (token === '\r' || token === '\x1b[1G') column = 0;
    else if (token === '\x1b[2K') lines[lines.length - 1] = '';
    else if (token === '\x1b[K' || token === '\x1b[0K')
      lines[lines.length - 1] = line.slice(0, column);
    else if (token === '\x1b[?25l') isCursorVisible = false;
    else if (token === '\x1b[?25h') isCursorVisible = true;
    else if (!token.startsWith('\x1b')) {
      wrapped ||= column >= columns;
      lines[lines.length - 1] =
        line.slice(0, column).padEnd(column) + token + line.slice(column + 1);
      column += 1;
      shown.push(lines.at(-1)!);
    }
  }
  return { lines, output, shown, wrapped, isCursorVisible };
}

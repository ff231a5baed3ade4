/** `serve`: files over HTTP, for browsers and programs. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { GitStoreError } from '../../errors.ts';
import { type CachePolicy, createFileHandler } from '../../server/fileHandler.ts';
import { encodeUrlPath, parseBasePath } from '../../server/files/target.ts';
import { closeSync, openSync } from '../../storage/disk/fs.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { reasonAndStep } from '../../systemFaults.ts';
import { addListen, type ListenChoices, openBrowser, runServer } from '../actions/serving.ts';
import { addBranch, addFilters, wholeNumberFrom } from '../arguments/options.ts';
import {
  checkAgainstTarget,
  defaultBranch,
  filterSnapshot,
  findSnapshot,
  firstSelection,
  type Selection,
} from '../arguments/snapshots.ts';
import { errorLine, messageOf, parseArgument, UsageError } from '../errors.ts';
import { LogSink } from '../output/logSink.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface ServeOptions extends Selection, ListenChoices {
  all?: boolean | undefined;
  basePath: string;
  upstream?: string | undefined;
  cors?: boolean | undefined;
  /** False with `--no-cache`. */
  cache: boolean;
  immutable?: boolean | undefined;
  maxAge?: number | undefined;
  /** In MB. */
  maxFileSize: number;
  open?: boolean | undefined;
  quiet?: boolean | undefined;
  logFile?: string | undefined;
}

const MEGABYTE = 1_000_000;
const STDERR = 2;
const HEAD = { ref: '', back: 0, path: undefined };

export function define(command: Command): void {
  command.option('--all', 'serve every branch and tag, each below its name');
  addFilters(addBranch(command, "branch to serve (default: HEAD's branch, else main)"));
  addListen(command)
    .option('--base-path <path>', 'what every URL begins with', '/')
    .option('--upstream <url>', 'where to redirect for blobs (/_/blobs/HASH) that are not here')
    .option('--cors', 'let pages of other origins read the answers')
    .option('--no-cache', 'clients keep nothing (default: they ask each time what has changed)')
    .option('--immutable', 'clients keep what they have for ever')
    .addOption(
      new Option('--max-age <seconds>', 'clients keep what they have for so long').argParser(
        wholeNumberFrom(0),
      ),
    )
    .addOption(
      new Option('--max-file-size <MB>', 'refuse larger files; 0: none')
        .argParser(parseMegabytes)
        .default(250),
    )
    .option('--open', 'open the page in a browser')
    .option('-q, --quiet', 'no line on stderr for each request')
    .option('--log-file <file>', 'append a line for each request (common log format)');
  addExamples(command, [
    ['gitstore serve', 'the current branch at http://127.0.0.1:8000/'],
    ['gitstore serve --open', 'and show it in a browser'],
    ['gitstore serve -p 0 --ref v1.0 --immutable', 'a tag, on any free port'],
    ['gitstore serve --all --base-path /data --cors', 'every branch and tag, below /data'],
    ['gitstore serve --allow-host data.example.org', 'behind a proxy that hands on this name'],
    ['gitstore serve --before 2024-05-31', 'everything as it was at the end of that day'],
  ]);
  command.action(async (options: ServeOptions) => {
    const { all = false, upstream, cors } = options;
    if (all) refuseSelection(options);
    checkAgainstTarget(HEAD, options);
    const basePath = parseArgument(parseBasePath, options.basePath);
    const work = async (store: GitStore): Promise<void> => {
      const awaited = all ? undefined : await awaitedBranch(store, options);
      // The handler itself follows a current branch that is still to get its first commit.
      const snapshot =
        all || awaited !== undefined ? undefined : await snapshotSource(store, options);
      // What is not there is said now, and not to the first visitor.
      const served = await snapshot?.();
      const logs = openLogs(options);
      const handler = parseArgument(
        () =>
          createFileHandler(store, {
            all,
            snapshot,
            basePath,
            upstream,
            cors,
            cache: cachePolicy(options),
            maxFileSize: Math.round(options.maxFileSize * MEGABYTE),
            log: logs.add,
            onError: (error, { method, url }) => {
              printNote(errorLine(new Error(`${method} ${url}: ${messageOf(error)}`)));
            },
          }),
        '',
      );
      const what =
        awaited !== undefined
          ? `${awaited}, which has no commit yet,`
          : served === undefined
            ? 'all branches and tags'
            : nameOf(served);
      try {
        await runServer(handler, options, what, `${encodeUrlPath(basePath)}/`, (url) => {
          if (options.open) openBrowser(url);
        });
      } finally {
        await logs.end();
      }
    };
    await withStore(command, work, { live: true });
  });
}

/** The current branch of a store without any branch, where the options name nothing else. */
async function awaitedBranch(store: GitStore, options: ServeOptions): Promise<string | undefined> {
  if (firstSelection(options) !== undefined) return undefined;
  for await (const _ of store.branches.keys()) return undefined;
  return (await store.branches.currentName()) ?? undefined;
}

/** The snapshot that the options mean, asked for on every request. */
async function snapshotSource(store: GitStore, options: ServeOptions): Promise<() => Promise<FS>> {
  const { ref, path, match, before, back } = options;
  const branch = ref === undefined ? await defaultBranch(store, options) : undefined;
  const start = () => findSnapshot(store, HEAD, { branch, ref });
  if (path === undefined && match === undefined && before === undefined && !back) return start;
  // From the same start the filters lead to the same snapshot.
  let known: { readonly start: string; readonly found: Promise<FS> } | undefined;
  return async () => {
    const from = await start();
    if (known?.start !== from.commitHash) {
      const found = filterSnapshot(from, options);
      known = { start: from.commitHash, found };
      // What failed may work for the next request.
      found.catch(() => {
        if (known?.found === found) known = undefined;
      });
    }
    return known.found;
  };
}

function refuseSelection(options: ServeOptions): void {
  const given = (['branch', 'ref', 'path', 'match', 'before', 'back'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (given !== undefined) throw new UsageError(`Give either --all or --${given}, not both`);
}

function cachePolicy({ cache, immutable, maxAge }: ServeOptions): CachePolicy {
  if (!cache) return 'no-store';
  if (immutable) return 'immutable';
  return maxAge === undefined ? 'revalidate' : { maxAge };
}

function nameOf(fs: FS): string {
  return fs.refName ?? fs.commitHash.slice(0, 7);
}

interface Logs {
  readonly add: ((line: string) => void) | undefined;
  end(): Promise<void>;
}

function openLogs({ quiet, logFile }: ServeOptions): Logs {
  const sinks: LogSink[] = [];
  let fd: number | undefined;
  if (!quiet) sinks.push(new LogSink(STDERR, () => {}));
  if (logFile !== undefined) {
    try {
      fd = openSync(logFile, 'a');
    } catch (cause) {
      const message = `Cannot write the log file: ${logFile}: ${reasonAndStep(cause)}`;
      throw new GitStoreError(message, (cause as NodeJS.ErrnoException).code, {
        path: logFile,
        cause,
      });
    }
    const failed = (error: Error) => printNote(`Logging ends: ${messageOf(error)}`);
    sinks.push(new LogSink(fd, failed));
  }
  const [first, second] = sinks;
  return {
    add:
      first &&
      ((line) => {
        first.add(line);
        second?.add(line);
      }),
    end: async () => {
      await Promise.all(sinks.map((sink) => sink.end()));
      if (fd !== undefined) closeSync(fd);
    },
  };
}

function parseMegabytes(text: string): number {
  const value = /^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= Number.MAX_SAFE_INTEGER / MEGABYTE)) {
    throw new InvalidArgumentError('It must be a number of 0 or more.');
  }
  return value;
}

/** `write`: standard input as a file. */
import type { Command } from 'commander';
import { InvalidPathError } from '../../errors.ts';
import { parseRepositoryPath } from '../../store/refs/refPath.ts';
import { retryWrite } from '../../store/retriedWrites.ts';
import { normalizePath } from '../../tree/paths.ts';
import { commit, fateOfCommit, resultOf } from '../actions/commit.ts';
import {
  addBranch,
  addCommit,
  addNoCreate,
  type BranchOption,
  type CommitOptions,
  type CreateOption,
} from '../arguments/options.ts';
import { writableBranch } from '../arguments/snapshots.ts';
import { howToEnd, readStdin, STDIN } from '../arguments/stdin.ts';
import { ClosedPipeError, parseArgument } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { isTerminal, printNote, showName, writeData } from '../output/output.ts';
import { Progress } from '../output/progress.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

interface WriteOptions extends BranchOption, CommitOptions, CreateOption {
  passthrough?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .argument('<path>', 'the file in the repository; the colon may be left out')
    .option('-p, --passthrough', 'also copy stdin to stdout as it arrives');
  addCommit(addBranch(addNoCreate(command)));
  addExamples(command, [
    ['echo hello | gitstore write hello.txt', 'store a line'],
    ['gitstore write dev:data.bin < data.bin', 'on another branch'],
    ['make 2>&1 | gitstore write -p build.log | grep error', 'keep all, go on with it'],
  ]);
  command.action(async (argument: string, options: WriteOptions) => {
    const target = parseArgument(parseRepositoryPath, argument);
    if (normalizePath(target.path) === '') {
      throw new InvalidPathError(`A file is meant, not the root: '${argument}'`);
    }
    const work = {
      create: options.create && target.back === 0,
      branch: target.ref || options.branch,
    };
    await withStore(
      command,
      async (store) => {
        const branch = await writableBranch(store, target, options);
        const choices = { ...options, verbose: isVerbose(command) };
        const isTyped = isTerminal(STDIN);
        if (isTyped) printNote(`Type what ${showName(target.path)} is to hold; ${howToEnd()}`);
        const progress = new Progress('Storing', !isTyped);
        const work = (signal: AbortSignal) =>
          commit(
            store,
            choices,
            async ({ messageTemplate, parents, tag, forceTag, staleWrites }) => {
              const input = counted(readStdin(), progress);
              const data = options.passthrough ? passingThrough(input) : input;
              const fs = await retryWrite(store, branch, target.path, data, {
                messageTemplate,
                parents,
                tag,
                forceTag,
                staleWrites,
                eager: true,
                signal,
              });
              progress.stop();
              return fs;
            },
          );
        try {
          const fs = await withSignals(work, fateOfCommit({}));
          progress.done(resultOf(fs));
        } finally {
          progress.stop();
        }
      },
      work,
    );
  });
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    progress.update({ bytes });
    yield chunk;
  }
}

/** Copies the stream to stdout as it passes. Continues without stdout once its reader is gone. */
async function* passingThrough(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let open = true;
  for await (const chunk of source) {
    if (open) {
      try {
        await writeData(chunk);
      } catch (error) {
        if (!(error instanceof ClosedPipeError)) throw error;
        open = false;
      }
    }
    yield chunk;
  }
}

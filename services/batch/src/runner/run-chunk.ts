import type { ChunkResult, ClaimedChunk, ItemError } from '../chunks/chunk-ledger.ts';
import { cutText } from '../cut-text.ts';
import type { BatchEvent } from '../events.ts';
import type { PlannedItem } from '../jobs/resolve-inputs.ts';
import type { Failure, Item, Output } from '../workers/protocol.ts';
import { type InputReader, isItem } from './read-inputs.ts';
import { type RunItemDeps, runItem } from './run-item.ts';

/** Why a chunk could not be run, though nothing is wrong with its items: disk, file store, a mistake of ours. */
export class ChunkFault extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.message}`);
    this.name = 'ChunkFault';
    this.failure = failure;
  }
}

/** Characters of an error's message kept in the row: a chunk's errors stay below 16 KB. */
const MAX_MESSAGE = 500;

/**
 * Runs a chunk's items one after the other; parallelism is between chunks.
 * Rejects with ChunkFault, or with the signal's reason when the chunk is not ours any more.
 */
export async function runChunk(
  deps: RunItemDeps & { readInputs: InputReader; observe: (event: BatchEvent) => void },
  chunk: ClaimedChunk,
  signal: AbortSignal,
): Promise<ChunkResult> {
  const result: ChunkResult = { outputs: [], errors: [] };
  const fail = (item: PlannedItem, failure: Failure) => {
    deps.observe({ type: 'item.failed', code: failure.code });
    result.errors.push(toItemError(item, failure));
  };
  for (const input of await deps.readInputs(chunk)) {
    signal.throwIfAborted();
    if (!isItem(input)) {
      fail(input.item, input.failure);
      continue;
    }
    const item = input;
    const startedAt = performance.now();
    const outcome = await runItem(deps, item, chunk.transform, signal);
    if (isFailure(outcome)) {
      if (outcome.fault) throw new ChunkFault(outcome);
      fail(item, outcome);
    } else {
      deps.observe({ type: 'item.done', ms: performance.now() - startedAt });
      result.outputs.push(toOutput(chunk.job, item, outcome));
    }
  }
  signal.throwIfAborted();
  return result;
}

function isFailure(outcome: Output | Failure): outcome is Failure {
  return 'code' in outcome;
}

function toItemError({ index, file, name }: PlannedItem, { code, message, hint }: Failure): ItemError {
  return { index, file, name, code, message: cutText(message, MAX_MESSAGE), hint };
}

function toOutput(job: string, item: Item, output: Output): ChunkResult['outputs'][number] {
  const { key, sha256, size, contentType, extension, width, height } = output;
  const stem = item.name.replace(/\.[^.]{1,8}$/, '') || item.name;
  return {
    item,
    path: `jobs/${job}/${item.index}-${stem}.${extension}`,
    file: { contentType, size, sha256, storageKey: key, metadata: { width, height, source: item.file } },
  };
}

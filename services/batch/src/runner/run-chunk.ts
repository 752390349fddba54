import type { ChunkResult, ClaimedChunk, ItemError } from '../chunks/chunk-ledger.ts';
import { cutText } from '../cut-text.ts';
import type { BatchEvent } from '../events.ts';
import type { PlannedItem } from '../jobs/plan-source.ts';
import type { FileInput, JobKind } from '../kinds/job-kind.ts';
import type { Kinds } from '../kinds/load-kinds.ts';
import type { Failure, ReadyItem, StoredFile } from '../workers/protocol.ts';
import { type InputReader, isReady } from './read-inputs.ts';
import { type RunItemDeps, runItem } from './run-item.ts';

export interface RunChunkDeps extends RunItemDeps {
  kinds: Kinds;
  readInputs: InputReader;
  observe: (event: BatchEvent) => void;
}

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
export async function runChunk(deps: RunChunkDeps, chunk: ClaimedChunk, signal: AbortSignal): Promise<ChunkResult> {
  const kind = deps.kinds.get(chunk.kind)!;
  const result: ChunkResult = { done: 0, files: [], errors: [] };
  const fail = (item: PlannedItem, failure: Failure) => {
    deps.observe({ type: 'item.failed', code: failure.code });
    result.errors.push(toItemError(kind, item, failure));
  };
  for (const item of await deps.readInputs(kind, chunk)) {
    signal.throwIfAborted();
    if (!isReady(item)) {
      fail(item.item, item.failure);
      continue;
    }
    const startedAt = performance.now();
    const outcome = await runItem(deps, kind, { job: chunk.job, kind: kind.name, spec: chunk.spec, item }, signal);
    if ('failure' in outcome) {
      if (outcome.failure.fault) throw new ChunkFault(outcome.failure);
      fail(item, outcome.failure);
    } else {
      deps.observe({ type: 'item.done', ms: performance.now() - startedAt });
      result.done += 1;
      result.files.push(...outcome.files.map((file, n) => toOutput(chunk.job, item, file, n)));
    }
  }
  signal.throwIfAborted();
  return result;
}

function toItemError(kind: JobKind, { index, input }: PlannedItem, { code, message, hint }: Failure): ItemError {
  const about = kind.item.input === 'file' ? (input as FileInput) : { input };
  return { ...about, index, code, message: cutText(message, MAX_MESSAGE), hint };
}

/** The path of the item's n-th file. */
function toOutput(job: string, item: ReadyItem, file: StoredFile, n: number): ChunkResult['files'][number] {
  const { key: storageKey, sha256, size, contentType, extension, metadata } = file;
  const stem = item.name.replace(/\.[^.]{1,8}$/, '') || item.name;
  const number = n === 0 ? '' : `-${n}`;
  return {
    item,
    path: `jobs/${job}/${item.index}-${stem}${number}.${extension}`,
    file: { contentType, size, sha256, storageKey, metadata },
  };
}

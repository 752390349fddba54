import type { ClaimedChunk } from '../chunks/chunk-ledger.ts';
import type { BatchEvent } from '../events.ts';
import { type ChunkResult, createResult } from '../items/chunk-result.ts';
import type { Kinds } from '../kinds/load-kinds.ts';
import type { ReadyItem } from '../workers/protocol.ts';
import { type InputReader, isReady } from './read-inputs.ts';
import { type RunItemDeps, runItem } from './run-item.ts';

export interface RunChunkDeps extends RunItemDeps {
  kinds: Kinds;
  readInputs: InputReader;
  maxAttempts: number;
  faultDelayMs: number;
  observe: (event: BatchEvent) => void;
}

/** When the environment of an item fails, the remaining items run again later. */
export async function runChunk(deps: RunChunkDeps, chunk: ClaimedChunk, signal: AbortSignal): Promise<ChunkResult> {
  const { job, spec, items } = chunk;
  const { observe, faultDelayMs } = deps;
  const kind = deps.kinds.get(chunk.kind)!;
  const results = createResult(job, kind.item.keepsSuccesses, deps.maxAttempts);
  // The only item of a chunk whose process ended may have caused that.
  const isolated = chunk.losses > 0 && items.length === 1;
  for (const [n, input] of (await deps.readInputs(kind, chunk)).entries()) {
    signal.throwIfAborted();
    const item = items[n]!;
    const startedAt = performance.now();
    const outcome = isReady(input)
      ? await runItem(deps, kind, { job, kind: kind.name, spec, item: input }, { signal, isolated })
      : input;
    const ms = performance.now() - startedAt;
    if (!('failure' in outcome)) {
      observe({ type: 'item.done', ms });
      results.succeed(item, input as ReadyItem, outcome, ms);
      continue;
    }
    const { code, message, next, detail } = outcome.failure;
    if (next === 'postpone') {
      const left = items.slice(n);
      observe({ type: 'chunk.postponed', job, items: left.length, reason: `${code}: ${message}` });
      results.postpone(left, faultDelayMs);
      break;
    }
    const isFinal = results.fail(item, outcome.failure, isReady(input) ? ms : null);
    observe({
      type: isFinal ? 'item.failed' : 'item.retried',
      job,
      index: item.index,
      code,
      ...(detail && { detail }),
    });
  }
  signal.throwIfAborted();
  return results.result;
}

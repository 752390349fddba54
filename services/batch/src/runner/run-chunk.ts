import type { Span } from '@tidemark/service';
import type { ClaimedChunk } from '../chunks/chunk-ledger.ts';
import type { BatchEvent } from '../events.ts';
import { type ChunkResult, createResult, type ResultBuilder } from '../items/chunk-result.ts';
import { byTarget, chunkSize, type PlannedItem } from '../jobs/plan-page.ts';
import type { Kinds } from '../kinds/load-kinds.ts';
import type { ChunkTrace } from '../tracing/job-traces.ts';
import type { Outcome, ReadyItem } from '../workers/protocol.ts';
import { isPromise } from '../workers/run-task.ts';
import { type InputReader, isReady } from './read-inputs.ts';
import { type RunItemDeps, runItem } from './run-item.ts';
import { FULL_DELAY_MS, STORE_FULL, type StoreGate } from './store-gate.ts';

export interface RunChunkDeps extends RunItemDeps {
  kinds: Kinds;
  readInputs: InputReader;
  maxAttempts: number;
  faultDelayMs: number;
  storeGate: StoreGate;
  observe: (event: BatchEvent) => void;
}

/** A chunk that runs for longer leaves its other items to a new chunk, so that other jobs have their turn. */
const TURN_MS = 1_000;
/** The first chunk of a job ends early, because it measures the items. */
const MEASURING_MS = 100;
/** Characters of the values of a chunk, which are in memory and in one statement; the last value may exceed it by 64 KB. */
const MAX_VALUES = 4 * 1024 ** 2;

/** The chunk may have been cut for much quicker items, so that its rest is cut again. */
function leaveTo(results: ResultBuilder, left: PlannedItem[], itemMs: number): void {
  const size = chunkSize(itemMs, left.length);
  for (let from = 0; from < left.length; from += size) results.postpone(left.slice(from, from + size), 0);
}

/** When the environment of an item fails, or its target refuses it, the remaining items run again later. */
export async function runChunk(
  deps: RunChunkDeps,
  chunk: ClaimedChunk,
  signal: AbortSignal,
  trace: ChunkTrace | undefined,
): Promise<ChunkResult> {
  const { job, spec, items } = chunk;
  const { observe, faultDelayMs } = deps;
  const kind = deps.kinds.get(chunk.kind)!;
  const results = createResult(job, kind.item.keepsSuccesses, deps.maxAttempts);
  if (kind.target && chunk.target === null) {
    // Items that are retried by hand have lost their targets.
    const groups = byTarget(kind, spec, items);
    if (groups.some(({ target }) => target !== null)) {
      results.result.retries.push(...groups.map((group) => ({ ...group, delayMs: 0 })));
      return results.result;
    }
  }
  const turnMs = chunk.itemMs === null ? MEASURING_MS : TURN_MS;
  const turnStartedAt = performance.now();
  let ran = 0;
  let values = 0;
  // The only item of a chunk whose process ended may have caused that.
  const isolated = chunk.losses > 0 && items.length === 1;
  for (const [n, input] of (await deps.readInputs(kind, chunk)).entries()) {
    signal.throwIfAborted();
    if (n > 0 && (values >= MAX_VALUES || performance.now() - turnStartedAt >= turnMs)) {
      leaveTo(results, items.slice(n), (performance.now() - turnStartedAt) / n);
      break;
    }
    const item = items[n]!;
    const startedAt = performance.now();
    const span = trace?.item(item);
    const run = () =>
      isReady(input)
        ? runItem(
            deps,
            kind,
            { job, kind: kind.name, spec, item: input },
            { signal, identity: chunk.identity, isolated },
          )
        : input;
    const running = span ? inSpan(span, run) : run();
    const outcome = isPromise(running) ? await running : running;
    const ms = performance.now() - startedAt;
    ran += 1;
    if (!('failure' in outcome)) {
      observe({ type: 'item.done', ms });
      results.succeed(item, input as ReadyItem, outcome, ms);
      values += outcome.value.length;
      if (chunk.target !== null) results.result.target = { refused: false };
      continue;
    }
    const { code, message, next, detail, retryAfterMs = null } = outcome.failure;
    if (next === 'throttle' && chunk.target !== null) {
      const left = items.slice(n);
      observe({ type: 'chunk.postponed', job, items: left.length, reason: `${code}: ${message}` });
      results.result.target = { refused: true, retryAfterMs };
      results.postpone(left, 'target');
      break;
    }
    if (next === 'postpone') {
      const left = items.slice(n);
      observe({ type: 'chunk.postponed', job, items: left.length, reason: `${code}: ${message}` });
      if (code === STORE_FULL) deps.storeGate.full();
      results.postpone(left, code === STORE_FULL ? FULL_DELAY_MS : faultDelayMs);
      break;
    }
    const isFinal = results.fail(item, outcome.failure, isReady(input) ? ms : null, span?.traceparent);
    observe({
      type: isFinal ? 'item.failed' : 'item.retried',
      job,
      index: item.index,
      code,
      ...(detail && { detail }),
    });
  }
  signal.throwIfAborted();
  if (ran > 0) results.result.itemMs = (performance.now() - turnStartedAt) / ran;
  return results.result;
}

async function inSpan(span: Span, run: () => Outcome | Promise<Outcome>): Promise<Outcome> {
  try {
    const outcome = await run();
    if ('failure' in outcome) span.end({ 'tidemark.code': outcome.failure.code }, outcome.failure.message);
    else span.end();
    return outcome;
  } catch (error) {
    span.end(undefined, (error as Error).message);
    throw error;
  }
}

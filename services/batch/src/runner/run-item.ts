/** One item on its way: header, admission, pixels. */
import type { ImageTransform } from '@tidemark/contracts';
import { errors } from '../errors.ts';
import type { Admission } from '../images/admission.ts';
import { decodedBytes } from '../images/image-facts.ts';
import type { Failure, Item, Output } from '../workers/protocol.ts';
import type { ThreadPool } from '../workers/thread-pool.ts';

export interface RunItemDeps {
  threads: ThreadPool;
  admission: Admission;
  itemTimeoutMs: number;
}

/** Never rejects for what is wrong with the item; rejects with the signal's reason, or BATCH_STOPPING. */
export async function runItem(
  deps: RunItemDeps,
  item: Item,
  transform: ImageTransform,
  signal: AbortSignal,
): Promise<Output | Failure> {
  try {
    return await run(deps, item, transform, signal);
  } catch (error) {
    const failure = itemFailure(error);
    if (failure && !signal.aborted) return failure;
    throw error;
  }
}

async function run(
  { threads, admission, itemTimeoutMs }: RunItemDeps,
  item: Item,
  transform: ImageTransform,
  signal: AbortSignal,
): Promise<Output | Failure> {
  const probed = await threads.run({ type: 'probe', item }, itemTimeoutMs);
  if ('failure' in probed) return probed.failure;
  if (!('facts' in probed)) throw errors.WORKER_CRASHED({ name: item.name });
  const bytes = decodedBytes(probed.facts, transform);
  const limit = admission.limitBytes;
  if (bytes > limit) throw errors.IMAGE_TOO_LARGE({ name: item.name, bytes, limit });
  const giveBack = await admission.admit(bytes, signal);
  try {
    const reply = await threads.run({ type: 'transform', item, transform, facts: probed.facts }, itemTimeoutMs);
    if ('failure' in reply) return reply.failure;
    if ('output' in reply) return reply.output;
    throw errors.WORKER_CRASHED({ name: item.name });
  } finally {
    giveBack();
  }
}

/** What this file and the threads throw about an item. */
const ITEM_CODES = new Set(['BATCH_IMAGE_TOO_LARGE', 'BATCH_ITEM_TIMEOUT', 'BATCH_WORKER_CRASHED']);

function itemFailure(error: unknown): Failure | undefined {
  const { code, message, hint } = error as { code?: string; message: string; hint?: string | null };
  return code && ITEM_CODES.has(code) ? { code, message, hint: hint ?? null, fault: false } : undefined;
}

import type { TidemarkError } from '@tidemark/contracts';
import { errors } from '../errors.ts';
import { toStorable } from '../items/storable.ts';
import type { JobKind, SourceContext } from '../kinds/job-kind.ts';
import { EXPANDED_FILES } from './expand-inputs.ts';

/** The place of a file's bytes is read when the item runs, with the rights of that moment. */
export interface PlannedItem {
  index: number;
  input: unknown;
  attempts: number;
  /** It was retried by hand. */
  again?: true;
  /** A `traceparent`: the span of its last attempt, or of the request that retried it. */
  trace?: string;
}

export interface ItemsPage {
  items: PlannedItem[];
  /** The size of all inputs as JSON. */
  bytes: number;
  /** Items whose input Postgres cannot store: they have failed already. */
  refused: { index: number; failure: TidemarkError }[];
  nextCursor: string | null;
}

export interface PlannedChunk {
  items: PlannedItem[];
  /** The service that the items call; null: none. */
  target: string | null;
}

export async function planPage(
  kind: JobKind,
  context: SourceContext<unknown>,
  { cursor, total, limit, maxItems }: { cursor: string | null; total: number; limit: number; maxItems: number },
  expand: (inputs: readonly unknown[]) => Promise<readonly unknown[]> = async (inputs) => inputs,
): Promise<ItemsPage> {
  const page = await kind.source(context, cursor, kind.expands ? Math.min(limit, EXPANDED_FILES) : limit);
  const inputs = await expand(page.inputs);
  if (total + inputs.length > maxItems) throw errors.TOO_MANY_ITEMS({ limit: maxItems });
  const items: PlannedItem[] = [];
  const refused: ItemsPage['refused'] = [];
  let bytes = 0;
  for (const [n, input] of inputs.entries()) {
    const index = total + n;
    const checked = toStorable(input);
    if ('problem' in checked) {
      refused.push({ index, failure: errors.INVALID_INPUT({ problem: checked.problem }) });
    } else {
      items.push({ index, input, attempts: 0 });
      bytes += checked.json.length;
    }
  }
  return { items, bytes, refused, nextCursor: page.cursor };
}

/** The cost of a chunk, some 10 ms of statements and messages, is small beside it, and a crash repeats no more than this. */
const CHUNK_MS = 500;
/** The first chunks of a kind that has not run here measure its items. */
const MAX_UNMEASURED_ITEMS = 16;

/** @param itemMs measured ms of an item; null while none of its kind is done */
export function chunkSize(itemMs: number | null, most: number): number {
  if (itemMs === null) return Math.min(most, MAX_UNMEASURED_ITEMS);
  return Math.max(1, Math.min(most, Math.floor(CHUNK_MS / itemMs)));
}

/** A chunk's row and its claim hold all its inputs. */
const MAX_CHUNK_BYTES = 256 * 1024;

/** Sharing less than this among the threads costs more than it gains. */
const MIN_SHARE_MS = 20;

export interface ChunkCut {
  threads: number;
  most: number;
  /** Measured ms of an item of the kind; null: not known. */
  itemMs: number | null;
}

/** A small job has smaller chunks, so that every thread has some. The items of a chunk have the same target. */
export function cutChunks(
  page: Omit<ItemsPage, 'refused'>,
  { threads, most, itemMs }: ChunkCut,
  kind?: JobKind,
  spec?: unknown,
): PlannedChunk[] {
  const { items, bytes, nextCursor } = page;
  const fitting = Math.floor((MAX_CHUNK_BYTES * items.length) / Math.max(1, bytes));
  const least = itemMs === null ? 1 : Math.floor(MIN_SHARE_MS / itemMs);
  const share = nextCursor === null ? Math.max(least, Math.ceil(items.length / (threads * 4))) : most;
  const size = Math.max(1, Math.min(most, share, fitting));
  return byTarget(kind, spec, items).flatMap((group) =>
    Array.from({ length: Math.ceil(group.items.length / size) }, (_, i) => ({
      items: group.items.slice(i * size, (i + 1) * size),
      target: group.target,
    })),
  );
}

const MAX_TARGET = 255;

export function byTarget(kind: JobKind | undefined, spec: unknown, items: PlannedItem[]): PlannedChunk[] {
  if (!kind?.target || items.length === 0) return items.length === 0 ? [] : [{ items, target: null }];
  const groups = new Map<string | null, PlannedItem[]>();
  for (const item of items) {
    const target = kind.target(item.input, { spec })?.slice(0, MAX_TARGET) ?? null;
    const group = groups.get(target);
    if (group) group.push(item);
    else groups.set(target, [item]);
  }
  return Array.from(groups, ([target, grouped]) => ({ items: grouped, target }));
}

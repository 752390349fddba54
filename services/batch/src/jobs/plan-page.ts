import { errors } from '../errors.ts';
import { toStorable } from '../items/storable.ts';
import type { JobKind, SourceContext } from '../kinds/job-kind.ts';

/** The place of a file's bytes is read when the item runs, with the rights of that moment. */
export interface PlannedItem {
  index: number;
  input: unknown;
  attempts: number;
}

export interface ItemsPage {
  items: PlannedItem[];
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
): Promise<ItemsPage> {
  const page = await kind.source(context, cursor, limit);
  if (total + page.inputs.length > maxItems) throw errors.TOO_MANY_ITEMS({ limit: maxItems });
  const items = page.inputs.map((input, n) => ({ index: total + n, input: storable(input), attempts: 0 }));
  return { items, nextCursor: page.cursor };
}

function storable(input: unknown): unknown {
  const checked = toStorable(input);
  if ('problem' in checked) throw errors.INVALID_INPUT({ problem: checked.problem });
  return input;
}

/** A small job has smaller chunks, so that every thread has some. The items of a chunk have the same target. */
export function cutChunks(
  page: ItemsPage,
  threads: number,
  most: number,
  kind?: JobKind,
  spec?: unknown,
): PlannedChunk[] {
  const { items, nextCursor } = page;
  const size = nextCursor === null ? Math.max(1, Math.min(most, Math.ceil(items.length / (threads * 4)))) : most;
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

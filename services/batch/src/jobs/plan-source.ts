import type { Identity } from '@tidemark/db';
import type { FileRegistry } from '@tidemark/files';
import { errors } from '../errors.ts';
import { toStorable } from '../items/storable.ts';
import type { JobKind } from '../kinds/job-kind.ts';

/** An item as in `job_chunks.items`. The place of a file's bytes is read when the item runs, with the rights of that moment. */
export interface PlannedItem {
  /** The position in the job. */
  index: number;
  /** An input from the source of the kind. */
  input: unknown;
  /** Number of failed attempts. */
  attempts: number;
}

/** Inputs in a page of the source. */
const PAGE = 1_000;

/** @throws BATCH_TOO_MANY_ITEMS, BATCH_INVALID_INPUT, and the errors of the source */
export async function planSource(
  kind: JobKind,
  context: { spec: unknown; identity: Identity; files: FileRegistry },
  maxItems: number,
): Promise<PlannedItem[]> {
  const items: PlannedItem[] = [];
  let cursor: string | null = null;
  do {
    const page = await kind.source(context, cursor, PAGE);
    for (const input of page.inputs) items.push({ index: items.length, input: storable(input), attempts: 0 });
    if (items.length > maxItems) throw errors.TOO_MANY_ITEMS({ limit: maxItems });
    cursor = page.cursor;
  } while (cursor !== null);
  return items;
}

/** @throws BATCH_INVALID_INPUT */
function storable(input: unknown): unknown {
  const checked = toStorable(input);
  if ('problem' in checked) throw errors.INVALID_INPUT({ problem: checked.problem });
  return input;
}

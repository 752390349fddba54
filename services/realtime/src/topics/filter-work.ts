/**
 * What filters say of row images, without holding the event loop: evaluated in time slices, and where a value is so long that one
 * evaluation alone would take too long, by Postgres, whose answer is the same (packages/query compares the two).
 */
import { TidemarkError } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import type { RowImage } from '../changes/row-image.ts';
import { errors } from '../errors.ts';
import { inSchema } from '../session-settings.ts';
import { imageParams, imagesFrom } from './image-sql.ts';
import type { LivePlan } from './live-plan.ts';
import { type RowFilter, STEP_MS } from './row-filter.ts';
import { whereSql } from './snapshot-sql.ts';
import { MAX_SLICE_MS, TimeSlices } from './time-slices.ts';
import { Turns } from './turns.ts';

/** An evaluation of more steps is Postgres's: it could not be interrupted here. */
const MAX_STEPS_HERE = MAX_SLICE_MS / STEP_MS;
/** Bytes of rows in one question to Postgres. */
const MAX_QUESTION_BYTES = 4 * 1024 ** 2;
/** A filter that takes Postgres longer is too costly for such values. */
const QUESTION_TIMEOUT_MS = 2_000;
/** Questions at a time; more of them would keep connections from everything else. */
const QUESTION_CONCURRENCY = 2;

export class FilterWork {
  readonly slices = new TimeSlices();
  /** Times that Postgres was asked. */
  questionsTotal = 0;
  #database: Database;
  #turns = new Turns(QUESTION_CONCURRENCY);

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * What the plan's filter says of those images that have its columns; of fewer once nobody wants to know it any more.
   * @throws RT_FILTER_TOO_COSTLY
   */
  async passes(
    plan: LivePlan,
    images: Iterable<RowImage>,
    isWanted: () => boolean,
  ): Promise<ReadonlyMap<RowImage, boolean>> {
    const { filter } = plan;
    const passes = new Map<RowImage, boolean>();
    if (plan.where.length === 0) return passes;
    const long = new Set<RowImage>();
    function* evaluate() {
      for (const image of images) {
        if (!isWanted()) return;
        if (passes.has(image) || !image.has(filter.columns)) continue;
        const passed = filter.stepsFor(image) > MAX_STEPS_HERE ? undefined : evaluated(filter, image);
        if (passed === undefined) long.add(image);
        else passes.set(image, passed);
        yield;
      }
    }
    await this.slices.run(evaluate());
    for (const batch of batches(long)) {
      if (!isWanted()) break;
      const passed = await this.#turns.run(() => this.#ask(plan, batch));
      for (const image of batch) passes.set(image, passed.has(image));
    }
    return passes;
  }

  async #ask(plan: LivePlan, images: readonly RowImage[]): Promise<ReadonlySet<RowImage>> {
    this.questionsTotal += 1;
    const { facts, filter, role } = plan;
    const reads = { columns: filter.columns, whole: false, tableOid: false };
    const params = imageParams(facts, reads, images);
    const where = whereSql(plan, params);
    try {
      const { rows } = await this.#database.read<{ ord: number }>({
        // The rows are given, so claims decide nothing. Filters are compiled for UTC.
        identity: inSchema({ role, claims: '{}', settings: { TimeZone: 'UTC' } }, facts.schema),
        statement: { text: `${imagesFrom(facts, reads)} where ${where}`, params },
        tidemark: facts.tidemark,
        timeoutMs: QUESTION_TIMEOUT_MS,
        holder: { route: 'live filter' },
      });
      return new Set(rows.map(({ ord }) => images[ord - 1] as RowImage));
    } catch (cause) {
      throw errors.FILTER_TOO_COSTLY({ table: facts.table }, { cause });
    }
  }
}

/** Undefined for a value that only Postgres reads, such as a number of more than 10,000 digits. */
function evaluated(filter: RowFilter, image: RowImage): boolean | undefined {
  try {
    return filter.passes(image);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'QUERY_BAD_ROW_VALUE') return undefined;
    throw error;
  }
}

function* batches(images: Iterable<RowImage>): Generator<RowImage[]> {
  let batch: RowImage[] = [];
  let bytes = 0;
  for (const image of images) {
    if (batch.length > 0 && bytes + image.text.length > MAX_QUESTION_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(image);
    bytes += image.text.length;
  }
  if (batch.length > 0) yield batch;
}

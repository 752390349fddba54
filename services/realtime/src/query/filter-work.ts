/**
 * Evaluates filters without blocking the event loop: in time slices, or in Postgres for types that are not compared
 * here and values that would take too long. Filters of one table with equal conditions share a statement.
 */
import { type Database, identifier } from '@tidemark/db';
import { type Condition, canonicalWhere } from '@tidemark/query';
import { Semaphore } from '@tidemark/service';
import type { RowImage } from '../changes/row-image.ts';
import { errors } from '../errors.ts';
import { isRefusal } from '../is-refusal.ts';
import { inSchema } from '../session-settings.ts';
import { imageParams, imagesFrom } from '../tables/image-sql.ts';
import { bisectFailures } from './bisect-failures.ts';
import type { LivePlan } from './live-plan.ts';
import { columnsOf, STEP_MS } from './row-filter.ts';
import { whereSql } from './select-sql.ts';
import { MAX_SLICE_MS, TimeSlices } from './time-slices.ts';

/** Steps of one evaluation, which cannot be interrupted here. Postgres evaluates longer ones. */
const MAX_STEPS_HERE = MAX_SLICE_MS / STEP_MS;
const MAX_QUESTION_BYTES = 4 * 1024 ** 2;
const QUESTION_TIMEOUT_MS = 2_000;
/** Statements at a time; more would take the connections from everything else. */
const QUESTION_CONCURRENCY = 2;
const QUERY_CANCELED = '57014';

export interface Want {
  plan: LivePlan;
  images: Iterable<RowImage>;
  /** A filter is skipped once nobody waits for its answer. */
  isWanted(): boolean;
}

/** Images that lack a column of the filter, or could not be decided, are absent. */
export type Passes = ReadonlyMap<RowImage, boolean>;

interface Question {
  plan: LivePlan;
  conditions: readonly Condition[];
  images: Set<RowImage>;
  askers: Answer[];
  /** The map lacks the images on which the statement failed. */
  decided: Map<RowImage, boolean>;
}

interface Answer {
  want: Want;
  passes: Map<RowImage, boolean>;
  left: { image: RowImage; question: Question }[];
  error: Error | undefined;
}

export class FilterWork {
  readonly slices = new TimeSlices();
  questionsTotal = 0;
  #database: Database;
  #semaphore = new Semaphore(QUESTION_CONCURRENCY);

  constructor(database: Database) {
    this.#database = database;
  }

  /** An error is RT_FILTER_TOO_COSTLY, or a DB_ error where no server answers. */
  async decide(wants: readonly Want[]): Promise<(Passes | Error)[]> {
    const questions = new Map<string, Question>();
    const answers = wants.map((want): Answer => ({ want, passes: new Map(), left: [], error: undefined }));
    await Promise.all(answers.map((answer) => this.#evaluate(answer, questions)));
    await Promise.all([...questions.values()].map((question) => this.#answer(question)));
    for (const { left, passes } of answers) {
      for (const { image, question } of left) {
        const passed = question.decided.get(image);
        if (passed !== undefined) passes.set(image, passed);
      }
    }
    return answers.map(({ error, passes }) => error ?? passes);
  }

  /** Resolves if Postgres accepts the conditions that it would evaluate. */
  async check(plan: LivePlan): Promise<void> {
    const { asked } = plan.filter;
    if (asked.length === 0) return;
    try {
      await this.#semaphore.run(() => this.#askTypes(plan, asked));
    } catch (cause) {
      if (!isRefusal(cause)) throw cause;
      const { code } = cause as { code: string };
      const reason = code.startsWith('22')
        ? 'a value in it is not valid for the type'
        : code === '42883'
          ? 'the type does not have the operator'
          : `Postgres refuses it with SQLSTATE ${code}`;
      throw errors.QUERY_UNSUPPORTED(
        { what: `the filter ${canonicalWhere(asked)} (${reason})` },
        { cause: cause as Error },
      );
    }
  }

  async #evaluate(answer: Answer, questions: Map<string, Question>): Promise<void> {
    const { plan, images, isWanted } = answer.want;
    const { filter } = plan;
    if (plan.where.length === 0) return;
    const seen = new Set<RowImage>();
    function* work() {
      for (const image of images) {
        if (!isWanted()) return;
        if (seen.has(image) || !image.has(filter.columns)) continue;
        seen.add(image);
        const passed = filter.stepsFor(image) > MAX_STEPS_HERE ? undefined : filter.passesLocal(image);
        if (passed === undefined) leave(questions, answer, image, plan.where);
        else if (passed && filter.asked.length > 0) leave(questions, answer, image, filter.asked);
        else answer.passes.set(image, passed);
        yield;
      }
    }
    try {
      await this.slices.run(work());
    } catch (error) {
      answer.error = error as Error;
    }
  }

  async #answer({ plan, conditions, images, askers, decided }: Question): Promise<void> {
    const isWanted = () => askers.some(({ want, error }) => !error && want.isWanted());
    try {
      for (const batch of batches(images)) {
        if (!isWanted()) return;
        const failures = await bisectFailures(batch, (some) =>
          this.#semaphore.run(async () => {
            for (const image of await this.#ask(plan, conditions, some)) decided.set(image, true);
          }),
        );
        for (const image of batch) if (!decided.has(image) && !failures.has(image)) decided.set(image, false);
      }
    } catch (error) {
      for (const asker of askers) asker.error ??= error as Error;
    }
  }

  /** Asks over a row of nulls of the table's own types, so that domains count. Images are read as the base types of domains. */
  async #askTypes(plan: LivePlan, conditions: readonly Condition[]): Promise<void> {
    const params: string[] = [];
    const where = whereSql(plan, params, conditions);
    const type = `${identifier(plan.facts.schema)}.${identifier(plan.facts.table)}`;
    await this.#read(plan, {
      text: `select 1 as ord from (select (null::${type}).*) as tidemark_row where ${where}`,
      params,
    });
  }

  async #ask(plan: LivePlan, conditions: readonly Condition[], images: readonly RowImage[]): Promise<RowImage[]> {
    const { facts } = plan;
    const reads = { columns: columnsOf(conditions), whole: false, tableOid: false };
    const params = imageParams(facts, reads, images);
    const where = whereSql(plan, params, conditions);
    const rows = await this.#read(plan, { text: `${imagesFrom(facts, reads)} where ${where}`, params });
    return rows.map(({ ord }) => images[ord - 1] as RowImage);
  }

  async #read({ facts, role }: LivePlan, statement: { text: string; params: string[] }): Promise<{ ord: number }[]> {
    this.questionsTotal += 1;
    try {
      const { rows } = await this.#database.read<{ ord: number }>({
        // The rows are parameters, so claims do not matter. Filters are compiled for UTC.
        identity: inSchema({ role, claims: '{}', settings: { TimeZone: 'UTC' } }, facts.schema),
        statement,
        tidemark: facts.tidemark,
        timeoutMs: QUESTION_TIMEOUT_MS,
        holder: { route: 'live filter' },
      });
      return rows;
    } catch (cause) {
      if ((cause as { code?: string }).code !== QUERY_CANCELED) throw cause;
      throw errors.FILTER_TOO_COSTLY({ table: facts.table }, { cause: cause as Error });
    }
  }
}

function leave(
  questions: Map<string, Question>,
  answer: Answer,
  image: RowImage,
  conditions: readonly Condition[],
): void {
  const { plan } = answer.want;
  // An envelope of an earlier version lacks the texts of values, so its rows stay undecided.
  if (!image.hasTexts(plan.filter.columns)) return;
  const key = `${plan.role}\0${canonicalWhere(conditions)}`;
  let question = questions.get(key);
  if (!question) {
    question = { plan, conditions, images: new Set(), askers: [], decided: new Map() };
    questions.set(key, question);
  }
  if (question.askers.at(-1) !== answer) question.askers.push(answer);
  question.images.add(image);
  answer.left.push({ image, question });
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

/** Cached facts are good enough to accept a query; before one is refused, they are read again. */
import { parsePosition, TidemarkError, tableKey } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import type { Feed } from '../changes/feed.ts';
import { errors } from '../errors.ts';
import { type LivePlan, parseLiveQuery, planLiveQuery } from '../query/live-plan.ts';
import { inSchema } from '../session-settings.ts';
import type { FactsCache } from '../tables/facts-cache.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import { type ResumePlace, resumeAt } from './resume-at.ts';
import type { SubscribeRequest } from './topics-api.ts';

export interface PlanningOptions {
  feed: Feed;
  facts: FactsCache;
  schemas: readonly string[];
  windowRows: number;
  check(plan: LivePlan): Promise<void>;
}

export interface PlannedSubscription {
  identity: Identity;
  tableKey: string;
  plan: LivePlan;
  facts: TableFacts;
  /** Where the subscription resumes, or why it cannot; undefined for a new one. */
  resume: ResumePlace | undefined;
}

export async function planSubscription(
  request: SubscribeRequest,
  { feed, facts, schemas, windowRows, check }: PlanningOptions,
): Promise<PlannedSubscription> {
  if (request.snapshot && request.after !== undefined) throw errors.OPTIONS_CONFLICT();
  const { table, query } = parseLiveQuery(request.query);
  const schema = request.profile ?? (schemas[0] as string);
  if (!schemas.includes(schema)) throw errors.SCHEMA_UNKNOWN({ schema, schemas: schemas.join(', ') });
  const position = request.after === undefined ? undefined : parsePosition(request.after);
  const problem = feed.problem();
  if (problem) throw errors.NOT_FOLLOWING({ reason: problem });
  const identity = inSchema(request.identity, schema);
  const { holder } = request.sink;
  const began = performance.now();

  const planWith = async (known: TableFacts) => {
    if (request.mode === 'latest' && known.key.length === 0) throw errors.LATEST_NEEDS_KEY({ table });
    const plan = planLiveQuery(query, known, identity, windowRows);
    await check(plan);
    return { facts: known, plan };
  };
  const planAnew = async () => planWith(await facts.since(began, identity, schema, table, holder));
  let planned: { facts: TableFacts; plan: LivePlan };
  try {
    planned = await planWith(await facts.get(identity, schema, table, holder));
  } catch (error) {
    if (!mayBeAllowed(error)) throw error;
    planned = await planAnew();
  }
  if (planned.facts.epoch !== feed.epoch()) {
    throw errors.NOT_FOLLOWING({ reason: 'the changes of the new epoch have not arrived yet' });
  }
  if (!position || planned.plan.window)
    return { identity, tableKey: tableKey(schema, table), ...planned, resume: undefined };
  // The relay may not have recorded the definition when the facts were read.
  if (planned.facts.since === undefined) planned = await planAnew();
  return {
    identity,
    tableKey: tableKey(schema, table),
    ...planned,
    resume: resumeAt(position, planned.facts, feed.epoch()),
  };
}

function mayBeAllowed(error: unknown): boolean {
  return error instanceof TidemarkError && error.status < 500 && error.status !== 429;
}

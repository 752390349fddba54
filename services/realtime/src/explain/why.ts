/** Explains why changes of a row reached a subscription or not, from the ring and by the code that delivers. */
import { formatTidemark, type LiveWhy, type LiveWhyRequest, TidemarkError, tableKey } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import { parseQuery } from '@tidemark/query';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import { errors } from '../errors.ts';
import { isRefusal } from '../is-refusal.ts';
import type { Place, Topics } from '../subscriptions/topics-api.ts';
import type { FactsCache } from '../tables/facts-cache.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import { askPolicies } from './ask-policies.ts';
import { askerView, OPERATORS } from './asker-view.ts';
import { deliveryState } from './delivery-state.ts';
import { explainChange } from './explain-change.ts';
import { type FoundChange, findChanges } from './find-changes.ts';
import { queryOf } from './list-subscriptions.ts';
import { readSubscriptionName, userOf } from './subscription-name.ts';

export interface WhyOptions {
  database: Database;
  feed: Feed;
  topics: Topics;
  facts: FactsCache;
}

/** Evaluates the policies as of now: tables that they read may have changed since the delivery. */
export async function explainWhy(options: WhyOptions, request: LiveWhyRequest, asker: Identity): Promise<LiveWhy> {
  const { feed } = options;
  const { sink, id } = readSubscriptionName(request.sub);
  const placed = options.topics.find(sink, id);
  if (!placed) throw goneError(options.topics, request.sub);
  const [subscription, place] = placed;
  const { topic, group, role: identity } = place;
  const schema = request.schema ?? group.facts.schema;
  const problem = feed.problem();
  if (problem) throw errors.NOT_FOLLOWING({ reason: problem });
  const facts = await options.facts.get(identity, schema, request.table, OPERATORS);
  const asked = tableKey(schema, request.table);
  if (asked !== place.tableKey) {
    const follows = `${group.facts.schema}.${group.facts.table}`;
    throw errors.SUB_OTHER_TABLE({ sub: request.sub, follows, table: `${schema}.${request.table}` });
  }
  const envelopes = feed.ring.since(asked, feed.ring.floor?.sequence ?? 0) ?? [];
  const key = { columns: group.facts.key, values: readKey(request.key, group.facts) };
  const found = await findChanges(envelopes, key, request.limit);
  if (found.length === 0) throw notChanged(feed, request, envelopes, `${schema}.${request.table}`);

  const { visible, policies, view } = await askRights(options, place, found, asker);
  if (subscription.ended) throw goneError(options.topics, request.sub);
  const { plan } = topic;
  const passes = await group.passes(
    topic,
    found.map(({ change }) => change),
  );
  const context = { plan, judged: { visible, passes }, policies, shows: view.shows };
  return {
    sub: request.sub,
    schema,
    query: queryOf(topic),
    mode: topic.mode,
    role: identity.role,
    user: userOf(identity),
    rowSecurity: group.facts.policy !== undefined,
    rightsChanged: facts.version !== place.facts.version,
    withheld: view.withheld,
    through: throughOf(feed),
    since: envelopes[0]?.receivedAt ?? null,
    changes: found.map((one) => explainChange(one, deliveryState(one, subscription, place), context)),
  };
}

function goneError(topics: Topics, name: string): TidemarkError {
  const { sink, id } = readSubscriptionName(name);
  const ended = topics.ended(sink, id);
  if (!ended) return errors.SUB_UNKNOWN({ sub: name });
  const reason = ended.reason ?? 'the client unsubscribed or disconnected';
  return errors.SUB_ENDED({ sub: name, at: new Date(ended.at).toISOString(), reason });
}

function readKey(text: string, { key, table }: TableFacts): readonly string[] {
  if (key.length === 0) throw errors.KEY_MISSING({ table });
  const invalid = (cause?: Error) =>
    errors.KEY_INVALID({ key: text.slice(0, 100), columns: key.join(', ') }, cause && { cause });
  try {
    const [filter] = parseQuery(`key=${encodeURIComponent(`in.(${text})`)}`).where;
    if (filter?.kind === 'in' && filter.values.length === key.length) return filter.values;
  } catch (error) {
    if (error instanceof TidemarkError) throw invalid(error);
    throw error;
  }
  throw invalid();
}

async function askRights(
  { database, facts }: WhyOptions,
  { group, role }: Place,
  found: readonly FoundChange[],
  asker: Identity,
) {
  const byEnvelope = new Map<ChangeEnvelope, RowChange[]>();
  for (const { envelope, change } of [...found].reverse()) {
    const changes = byEnvelope.get(envelope);
    if (changes) changes.push(change);
    else byEnvelope.set(envelope, [change]);
  }
  const envelopes = [...byEnvelope.keys()];
  const images = found.flatMap(({ change: { row, before } }) => [...(row ? [row] : []), ...(before ? [before] : [])]);
  try {
    const visible = await group.visible(envelopes, (envelope) => byEnvelope.get(envelope) ?? []);
    const last = envelopes.at(-1) as ChangeEnvelope;
    const policies = await askPolicies(database, role, group.facts, images, last);
    return { visible, policies, view: await askerView({ database, facts }, asker, group.facts, images, last) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const reason = `SQLSTATE ${(error as { code?: string }).code}`;
    throw errors.POLICY_FAILED({ table: group.facts.table, reason }, { cause: error });
  }
}

function notChanged(feed: Feed, request: LiveWhyRequest, envelopes: readonly ChangeEnvelope[], table: string) {
  const oldest = envelopes[0]?.receivedAt;
  const since =
    oldest === undefined
      ? 'which has no change of the table'
      : `which has the table’s changes since ${new Date(oldest).toISOString()}`;
  return errors.KEY_NOT_CHANGED({ key: request.key.slice(0, 100), table, since, through: throughOf(feed) ?? 'none' });
}

function throughOf(feed: Feed): string | null {
  const epoch = feed.epoch();
  return epoch === undefined ? null : formatTidemark(epoch, feed.lsn());
}

/** The spans of a job at a collector: submission → plan → chunk → item; retries begin traces of their own, with links. */
import { fileURLToPath } from 'node:url';
import { type CollectedSpan, openSpanCollector, until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const collector = await openSpanCollector();
t.teardown(() => collector.close());
const stack = await openBatchStack(t);
await stack.startBatch({
  BATCH_KINDS: fileURLToPath(new URL('../trouble.js', import.meta.url)),
  BATCH_MAX_ATTEMPTS: '2',
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
});

async function submit(spec: unknown, trace: string | null): Promise<string> {
  const [row] = await stack.database.pools.write.transaction(
    async (tx) => {
      if (trace !== null) await tx.query(`select set_config('tidemark.trace', $1, true)`, [trace]);
      return tx.query<{ id: string }>(`select id from tidemark.submit_job('trouble', $1)`, [JSON.stringify(spec)]);
    },
    { identity: { role: 'service_role', claims: '{"role": "service_role"}' } },
  );
  return row!.id;
}
const attribute = (span: CollectedSpan, key: string) => {
  const { value } = span.attributes.find((one) => one.key === key) ?? {};
  return value?.stringValue ?? value?.intValue;
};
const spansOf = (job: string, name: string) =>
  collector.spans.filter((span) => span.name === name && attribute(span, 'tidemark.job') === job);
const chunkOf = (item: CollectedSpan | undefined) =>
  until(async () => collector.spans.find(({ spanId }) => spanId === item?.parentSpanId), 'its chunk');
const spans = (job: string, name: string, count: number) =>
  until(async () => {
    const found = spansOf(job, name);
    return found.length >= count && found;
  }, `${count} spans ${name}`);

t.test('submission, plan, chunk and item are one trace, which a page of its source continues', async (t) => {
  const traceId = 'abcdef0123456789abcdef0123456789';
  const job = await submit({ items: 40 }, `00-${traceId}-b7ad6b7169203331-01`);
  t.match(await stack.ended(job), { state: 'succeeded' });
  const items = await spans(job, 'item', 40);
  const chunks = await spans(job, 'chunk', 3);
  const [plan] = await spans(job, 'plan', 1);
  t.match(plan, { traceId, parentSpanId: 'b7ad6b7169203331', service: 'tidemark-batch' });
  for (const chunk of chunks) t.match(chunk, { traceId, parentSpanId: plan?.spanId });
  const ids = new Set(chunks.map(({ spanId }) => spanId));
  t.ok(items.every((item) => item.traceId === traceId && ids.has(item.parentSpanId ?? '')));
  t.same(
    items.map((item) => Number(attribute(item, 'tidemark.item'))).sort((a, b) => a - b),
    Array.from({ length: 40 }, (_, n) => n),
  );
});

t.test('a job without a trace begins one; a trace that is not recorded stays unrecorded', async (t) => {
  const root = await submit({ items: 1 }, null);
  const [item] = await spans(root, 'item', 1);
  const [plan] = await spans(root, 'plan', 1);
  t.equal(plan?.parentSpanId || undefined, undefined);
  t.equal(item?.traceId, plan?.traceId);
  const unrecorded = await submit({ items: 1 }, '00-abcdef0123456789abcdef0123456780-b7ad6b7169203331-00');
  const garbage = await submit({ items: 1 }, 'no traceparent');
  await stack.ended(unrecorded);
  await spans(garbage, 'item', 1);
  t.same(spansOf(unrecorded, 'item'), []);
});

t.test('a retry is a root with links to the plan and to the attempt before', async (t) => {
  const job = await submit({ items: 3, retries: 1 }, null);
  t.match(await stack.ended(job), { state: 'partly_failed', failed: 1 });
  const attempts = () => spansOf(job, 'item').filter((span) => attribute(span, 'tidemark.item') === 1);
  await until(async () => attempts().length === 2, 'both attempts');
  const [plan] = await spans(job, 'plan', 1);
  const [first, second] = attempts();
  t.match(first, { traceId: plan?.traceId, status: { code: 2, message: 'not yet' } });
  t.not(second?.traceId, plan?.traceId);
  t.match(second?.links, [{ traceId: first?.traceId, spanId: first?.spanId }]);
  const chunk = await chunkOf(second);
  t.equal(chunk?.parentSpanId || undefined, undefined);
  t.same(new Set(chunk?.links?.map(({ spanId }) => spanId)), new Set([plan?.spanId, first?.spanId]));

  await stack.query(`select tidemark.retry_job($1)`, [job]);
  await until(async () => attempts().length === 4, 'the attempts of the retry');
  const third = attempts()[2];
  const again = await chunkOf(third);
  t.match(again?.links, [{ spanId: plan?.spanId }], 'a retry by hand, too');
  t.equal(again?.parentSpanId || undefined, undefined);
});

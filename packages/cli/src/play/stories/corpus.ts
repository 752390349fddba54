/** Live chat in a thread, a corpus of generated records, and dashboards from the cache. */
import type { LiveQuery, TidemarkClient } from '@tidemark/client';
import { type Claim, holds } from '../claim.ts';
import { seconds } from '../figures.ts';
import { itemsOf, runJob } from '../jobs.ts';
import { rowsOf, type Stage } from '../stage.ts';
import { within } from '../together.ts';
import { playCachedDashboards } from './corpus-dashboards.ts';
import { member, WORKSPACE } from './people.ts';

const PEOPLE = 12;
const PAGE = 1_000;
const PATIENCE_MS = 30_000;

export async function playCorpus(stage: Stage): Promise<Claim[]> {
  const owner = await stage.client(`owner-${stage.run}`, member());
  const claims = [await chat(stage, owner)];
  const [source] = await rowsOf<{ template: Record<string, unknown> }>(
    owner.from('corpora').select('template').order('id').limit(1),
  );
  const name = `Generated ${stage.run}`;
  const [corpus] = await rowsOf<{ id: number }>(
    owner.from('corpora').insert({ workspace_id: WORKSPACE, name }).select('id'),
  );
  const id = corpus?.id as number;
  try {
    claims.push(...(await records(stage, owner, id, { ...source?.template, corpus_id: { value: id } })));
    claims.push(...(await playCachedDashboards(stage, owner, id)));
  } finally {
    await rowsOf(owner.from('corpora').delete().eq('id', id));
  }
  return claims;
}

interface Message {
  id: number;
  content: string;
}

async function chat(stage: Stage, owner: TidemarkClient): Promise<Claim> {
  const each = stage.size(50, 6);
  stage.say(`${PEOPLE} people write in a thread, and all of them follow it`);
  const [thread] = await rowsOf<{ id: number }>(
    owner
      .from('threads')
      .insert({ workspace_id: WORKSPACE, title: `Chat ${stage.run}` })
      .select('id'),
  );
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, async (_, n) => {
      const client = await stage.client(`person-${stage.run}-${n}`, member('editor'));
      const query = client.from('messages').select('id,content').eq('thread_id', thread?.id);
      const live = query.live() as unknown as LiveQuery<Message>;
      const seen: string[] = [];
      live.onChange((_rows, events) => {
        for (const event of events) if (event.type === 'insert' || event.type === 'enter') seen.push(event.row.content);
      });
      await live.ready();
      return { client, seen };
    }),
  );
  let said = 0;
  await Promise.all(
    people.map(async ({ client }, n) => {
      for (let turn = 0; turn < each; turn += 1) {
        const content = `${n}:${turn}`;
        await rowsOf(client.from('messages').insert({ workspace_id: WORKSPACE, thread_id: thread?.id, content }));
        said += 1;
        stage.draw('messages', said, PEOPLE * each);
      }
    }),
  );
  const total = PEOPLE * each;
  await within(PATIENCE_MS, () => people.every(({ seen }) => seen.length >= total));
  const first = people[0]?.seen.join() ?? '';
  const right = people.filter(({ seen }) => {
    // All see one order, in which the words of each person follow each other.
    const next = new Map<string, number>();
    const inOrder = seen.every((content) => {
      const [person = '', turn = ''] = content.split(':');
      const isNext = Number(turn) === (next.get(person) ?? 0);
      next.set(person, Number(turn) + 1);
      return isNext;
    });
    return seen.length === total && inOrder && seen.join() === first;
  }).length;
  await rowsOf(owner.from('threads').delete().eq('id', thread?.id));
  return holds(
    'chat is live per thread: all see every message once, in one order',
    right === PEOPLE,
    `${right} of ${PEOPLE} people, ${total} messages`,
  );
}

async function records(stage: Stage, owner: TidemarkClient, corpus: number, template: object): Promise<Claim[]> {
  const count = stage.size(1_000_000, 10_000);
  const claims: Claim[] = [];
  stage.say(`${count} records are generated, paged, aggregated and exported`);
  const began = performance.now();
  const spec = { table: 'records', schema: 'corpus', count, seed: 7, template };
  await runJob(stage, owner, { kind: 'corpus.generate', spec }, 'slices of records');
  const tookMs = performance.now() - began;
  const { count: stored } = await owner
    .from('records')
    .select('id', { count: 'exact', head: true })
    .eq('corpus_id', corpus);
  claims.push(
    holds(
      `${count} records are generated`,
      stored === count,
      `${stored} in ${seconds(tookMs)}, ${Math.round(count / (tookMs / 1_000))} records/s`,
    ),
  );

  const ids = new Set<string>();
  const token = await stage.token('authenticated', `owner-${stage.run}`, member().claims);
  let path: string | undefined = `/rest/v1/records?select=id&corpus_id=eq.${corpus}&order=id&limit=${PAGE}&after=`;
  let rows = 0;
  let pages = 0;
  while (path !== undefined) {
    const page: Response = await stage.request(token, path, { headers: { 'accept-profile': 'corpus' } });
    for (const { id } of (await page.json()) as { id: string }[]) {
      ids.add(id);
      rows += 1;
    }
    pages += 1;
    const next = /<([^>]+)>; *rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
    path = next === undefined ? undefined : pathOf(next, stage.url);
    stage.draw('records paged', rows, count);
  }
  claims.push(
    holds(
      'pages by key have every record once',
      rows === count && ids.size === count,
      `${ids.size} records on ${pages} pages`,
    ),
  );

  const query = `records?select=kind,count(),tokens.sum()&corpus_id=eq.${corpus}&order=kind`;
  const aggregated = await runJob(
    stage,
    owner,
    { kind: 'report.aggregate', spec: { query, schema: 'corpus' } },
    'aggregate',
  );
  let sum = 0;
  for await (const { value } of itemsOf(owner, aggregated.id)) {
    for (const row of (value as { rows: { count: number | string }[] }).rows) sum += Number(row.count);
  }
  claims.push(holds('the aggregate counts every record', sum === count, `${sum}`));

  const all = `records?select=id,kind,tokens,score&corpus_id=eq.${corpus}&order=id`;
  const exported = await runJob(
    stage,
    owner,
    { kind: 'export', spec: { query: all, schema: 'corpus', format: 'ndjson' } },
    'export',
  );
  const [item] = await owner.jobs.items(exported.id, { limit: 1 });
  const made = item?.value as { rows: number; bytes: number; sha256: string };
  claims.push(
    holds('the export has every record', Number(made.rows) === count, `${made.rows} rows, ${made.bytes} bytes`),
  );
  return claims;
}

const pathOf = (link: string, base: string) => {
  const { pathname, search } = new URL(link, `${base}/rest/v1/`);
  return `${pathname}${search}`;
};

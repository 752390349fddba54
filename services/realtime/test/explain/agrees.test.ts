/** Compares explanations with deliveries, over random rows, filters and identities, while subscriptions begin. */
import { LIVE_WHY_LIMIT, LiveWhy, type LiveWhyRequest } from '@tidemark/contracts';
import { Semaphore } from '@tidemark/service';
import { until } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create table public.things (id int primary key, grp int not null, n int, word text, owner text not null);
alter table public.things replica identity full;
alter table public.things enable row level security;
create policy own on public.things for select to authenticated
  using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
create policy shared on public.things for select to authenticated using (grp = 0);
create policy small on public.things as restrictive for select to authenticated using (n < 8 or n is null);
create policy everything on public.things for select to service_role using (true);
grant select on public.things to authenticated, service_role;
-- The same rows without policies, and without old rows.
create table public.plain (like public.things including all);
grant select on public.plain to authenticated, service_role;
-- The same rows under a policy that compares a column with the claim, so that the delivery asks about those alone that have the claim's value.
create table public.mine (like public.things including all);
alter table public.mine replica identity full;
alter table public.mine enable row level security;
create policy own on public.mine for select to authenticated
  using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
create policy everything on public.mine for select to service_role using (true);
grant select on public.mine to authenticated, service_role;
alter publication tidemark add table public.things, public.plain, public.mine;`;

const INSTANCE = 'rt-agrees';
/** The keys are few, so that transactions change the same rows. */
const KEYS = 5;
/** Each is written twice, and a statement changes a key once at most: all changes of a key in one answer. */
const TRANSACTIONS = 3;
const STATEMENTS = 3;

const int = (max: number) => fc.integer({ min: 0, max: max - 1 });
const owner = fc.constantFrom('ann', 'bob');
const number = fc.option(int(10), { freq: 4 });
const word = fc.option(fc.constantFrom('a', 'b', 'ab'), { freq: 3 });
const sql = (value: unknown) => (value === null ? 'null' : typeof value === 'number' ? String(value) : `'${value}'`);

const statement = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(int(KEYS), int(3), number, word, owner).map(upsert) },
  fc
    .tuple(int(KEYS), int(3), number)
    .map(([id, grp, n]) => `update things set grp = ${grp}, n = ${sql(n)} where id = ${id}`),
  fc.tuple(owner, word).map(([who, text]) => `update things set word = ${sql(text)} where owner = '${who}'`),
  fc.tuple(int(KEYS), int(KEYS)).map(
    ([id, to]) => `update things set id = ${to} where id = ${id}
    and not exists (select from things where id = ${to})`,
  ),
  int(KEYS).map((id) => `delete from things where id = ${id}`),
);

function upsert([id, grp, n, text, who]: [number, number, number | null, string | null, string]): string {
  return `insert into things values (${id}, ${grp}, ${sql(n)}, ${sql(text)}, '${who}')
    on conflict (id) do update set grp = excluded.grp, n = excluded.n, word = excluded.word, owner = excluded.owner`;
}

const leaf = fc.oneof(
  fc
    .tuple(fc.constantFrom('grp', 'n'), fc.constantFrom('eq', 'gte', 'lt', 'not.eq', 'isdistinct'), int(10))
    .map((parts) => parts.join('.')),
  fc.constantFrom('word.is.null', 'word.in.(a,b)', 'word.like.a*', 'owner.eq.ann', 'word.not.is.null'),
);
const tree = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 2 },
    leaf,
    fc
      .tuple(fc.constantFrom('and', 'or', 'not.and', 'not.or'), fc.array(tie('node'), { minLength: 1, maxLength: 3 }))
      .map(([kind, members]) => `${kind}(${members.join(',')})`),
  ),
})).node;
const filter = fc
  .array(tree, { maxLength: 2 })
  .map((members) => (members.length === 0 ? '' : `and=(${members.join(',')})`));

const subscriber = fc.record({
  name: fc.constantFrom('ann', 'bob', 'all'),
  table: fc.constantFrom('things', 'things', 'plain', 'mine'),
  filter,
  snapshot: fc.boolean(),
  mode: fc.constantFrom('every' as const, 'every' as const, 'latest' as const),
});

interface Follower {
  client: LiveClient;
  /** The operators' name of the subscription. */
  sub: string;
  table: string;
  mode: 'every' | 'latest';
}

t.test('explains for each change what the delivery did with it', { timeout: 180_000 }, async (t) => {
  const service = await startTestRealtime(SETUP, { INSTANCE, LIVE_LATEST_MS: '20' });
  t.teardown(() => service.stop());
  const { bus } = service.realtime;
  // This role may read the tables. For one that may not, the rights are read again for each request, 100 ms apart.
  const operator = await token({ role: 'service_role' });
  /** An instance answers two inspections at a time, and refuses more. */
  const inspections = new Semaphore(2);
  const explained = async ({ sub, table }: { sub: string; table: string }, key: number) => {
    const request: LiveWhyRequest = {
      sub,
      table,
      key: String(key),
      limit: LIVE_WHY_LIMIT,
      token: operator,
    };
    const subject = bus.subjects.inspect('why', INSTANCE);
    try {
      const ask = () => bus.ask<LiveWhy>(subject, request, { schema: LiveWhy, timeoutMs: 10_000 });
      return (await inspections.run(ask)).changes;
    } catch (error) {
      if ((error as { code?: string }).code === 'RT_KEY_NOT_CHANGED') return [];
      throw error;
    }
  };
  let opened = 0;
  const connect = async (name: string) => {
    const claims = name === 'all' ? { role: 'service_role' } : { role: 'authenticated', sub: name };
    const client = await new LiveClient(service.url, { token: await token(claims) }).open();
    opened += 1;
    return { client, sub: `${INSTANCE}/${opened}/s` };
  };
  let runs = 0;
  const seen = new Set<string>();

  /** Returns the explained changes of a key, once all of them are decided. */
  const explainedAtLast = async (follower: Follower, key: number) => {
    let changes: LiveWhy['changes'] = [];
    await until(async () => {
      changes = await explained(follower, key);
      return changes.every(({ outcome }) => outcome !== 'not yet');
    }, `every change of ${key} to be decided`);
    return changes;
  };

  /** Waits until every change of the run is decided, and compares what is explained with what was sent. */
  async function check(follower: Follower, marker: number, firstKey: number): Promise<void> {
    const { client, mode } = follower;
    // The marker is the last change: once it is decided, so is everything before it.
    await until(async () => {
      const changes = await explained(follower, marker);
      return changes.length === 1 && changes[0]?.outcome !== 'not yet';
    }, 'the last change to be decided');
    const keys = [marker, firstKey, ...Array(KEYS).keys()];
    const answers = await Promise.all(keys.map((key) => explainedAtLast(follower, key)));
    for (const { because } of answers.flat()) if (because !== null) seen.add(because);
    const first = answers[1]?.[0]?.position;
    if (first === undefined) throw new Error('the first change of this run is no longer in the ring');
    // Frames arrive in order, so everything sent before the pong has arrived.
    const from = client.frames.length;
    client.send({ op: 'ping' });
    await client.frame((frame) => frame.op === 'pong', from);
    const sent = new Map<string, string>();
    for (const changes of answers) {
      if (changes.length === LIVE_WHY_LIMIT && (changes.at(-1)?.position ?? first) > first)
        throw new Error(`there are more changes than were told: ${JSON.stringify(changes)}`);
      for (const { position, outcome, because, steps } of changes) {
        if (position < first) continue;
        if (outcome.startsWith('sent as ')) sent.set(position, outcome.slice(8));
        if (because === 'filter' && !steps.some(({ step, passed }) => step === 'filter' && passed !== true))
          throw new Error(`no filter failed: ${JSON.stringify(steps)}`);
        checkPolicies(steps);
      }
    }
    const withPosition = mode === 'every';
    const told = [...sent].map(([at, type]) => (withPosition ? `${at.split('.')[0]} ${type}` : type)).sort();
    const got = client.frames
      .flatMap((frame) =>
        frame.op === 'changes'
          ? frame.changes.map(({ type }) => (withPosition ? `${frame.position?.split('.')[0]} ${type}` : type))
          : [],
      )
      .sort();
    // In mode latest, an update of the key is sent as a delete of the old key, too, which the explanation does not count.
    const compared = (types: string[]) => types.filter((type) => mode === 'every' || type !== 'delete').join();
    if (compared(told) !== compared(got) || got.length < told.length)
      throw new Error(`explained ${JSON.stringify(told)}, delivered ${JSON.stringify(got)}`);
  }

  const property = fc.asyncProperty(
    fc.array(subscriber, { minLength: 1, maxLength: 3 }),
    fc.array(fc.array(statement, { minLength: 1, maxLength: STATEMENTS }), { minLength: 2, maxLength: TRANSACTIONS }),
    async (subscribers, transactions) => {
      runs += 1;
      const marker = 1_000 + runs;
      const write = (statements: readonly string[]) => {
        const text = statements.join('; ');
        const copies = ['plain', 'mine'].map((table) => text.replaceAll('things', table));
        return service.sql(`begin; ${[text, ...copies].join('; ')}; commit`);
      };
      await write([upsert([-runs, 0, 0, null, 'nobody'])]);
      const followers: (Follower & { filter: string; snapshot: boolean })[] = [];
      for (const one of subscribers) followers.push({ ...one, ...(await connect(one.name)) });
      const writing = (async () => {
        for (const statements of transactions) await write(statements);
      })();
      for (const { client, table, filter: text, snapshot, mode } of followers)
        await client.subscribe('s', text === '' ? table : `${table}?${text}`, { snapshot, mode });
      await writing;
      for (const statements of transactions) await write(statements);
      await write([upsert([marker, 0, 0, null, 'nobody'])]);

      await Promise.all(followers.map((follower) => check(follower, marker, -runs)));
      await Promise.all(followers.map(({ client }) => client.close()));
    },
  );

  await fc.assert(property, { numRuns: 40, endOnFailure: true });
  for (const because of ['filter', 'policy', 'before the subscription began', 'a newer change of the row'])
    t.ok(seen.has(because), `${because} was met`);
});

/** Policies apart give together what they give joined. */
function checkPolicies(steps: LiveWhy['changes'][number]['steps']): void {
  for (const image of ['new', 'old']) {
    const policies = steps.flatMap((step) => (step.step === 'policy' && step.row === image ? [step] : []));
    const joined = steps.find((step) => step.step === 'policies' && step.row === image);
    if (!joined) continue;
    const permissive = policies.filter(({ kind }) => kind === 'permissive');
    const restrictive = policies.filter(({ kind }) => kind === 'restrictive');
    const together = permissive.some(({ passed }) => passed) && restrictive.every(({ passed }) => passed);
    if (together !== joined.passed) throw new Error(`policies disagree: ${JSON.stringify(steps)}`);
  }
}

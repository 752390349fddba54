/** Thirty attackers without tokens, each with a method that costs the sender little, beside ordinary users. */
import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { median, percentile } from '../../measuring/statistics.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { signToken } from '../../processes/services.ts';
import { attackers } from '../hostile/all.ts';
import { keptByBackends, watchMemory } from '../hostile/memory.ts';
import type { Outcomes } from '../hostile/outcomes.ts';
import { startAttack } from '../hostile/start-attack.ts';
import { startUsers, type UserResponse, type Users } from '../hostile/users.ts';
import { ENTRIES } from '../load/recorded-load.ts';
import { allRun, startFourServices } from '../setup/four-services.ts';
import { atLeast, atMost, equal, type Finding, none, type Trial } from '../trial.ts';

const ATTACKERS = 30;
const USERS = 10;
/** A quick attack lasts until each kind was refused. */
const PACE = {
  quick: { calmMs: 500, roundMs: 4_000, rounds: 1 },
  full: { calmMs: 10_000, roundMs: 20_000, rounds: 3 },
};
const P99_TIMES = 3;
/** All caches, buffers and responses are at their limits. */
const MAX_RSS_MB = 700;
/** Private memory of a Postgres backend: DB_PREPARED_BYTES of prepared statements, and its caches of tables. */
const MAX_BACKEND_MB = 80;
const MAX_RESPONSE_MB = 64;
/** An attack is slow on a machine that runs other tests. */
const REFUSED_WITHIN_MS = 60_000;
const DELIVERED_WITHIN_MS = 30_000;
/** Short enough to cut off slow readers within a quick round. */
const SETTINGS = { SLOW_READER_MS: '1000', SLOW_READER_BYTES_PER_S: '10000000' };
const SETUP = `${ENTRIES}
create table public.parents (id int primary key, note text not null);
create table public.children (id int primary key, parent int not null references public.parents, note text not null);
create index on public.children (parent);
insert into public.parents select n, repeat('p', 100) from generate_series(1, 20) n;
insert into public.children select n, 1 + n % 20, repeat('c', 200) from generate_series(1, 8000) n;
grant select on public.parents, public.children to anon, authenticated;
grant select on public.entries to authenticated;
create table public.posts (id text primary key, owner text not null, note text);
alter table public.posts replica identity full;
alter table public.posts enable row level security;
create policy post on public.posts for insert to anon, authenticated with check (true);
create policy own on public.posts for select to authenticated
  using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
grant select, insert on public.posts to anon, authenticated;
alter publication tidemark add table public.entries, public.posts;
analyze public.parents, public.children;`;

export const hostile: Trial = {
  name: 'hostile',
  claim: 'thirty anonymous attackers are refused at a bounded cost, and ordinary users stay responsive',
  async run(context): Promise<Finding[]> {
    const { quick, log } = context;
    const pace = PACE[context.mode];
    const servers = await context.database(SETUP);
    const services = await startFourServices(context, servers, { env: SETTINGS });
    const { gateway } = services;
    const users = context.stopAtEnd(startUsers(gateway.url, USERS));
    const follower = context.stopAtEnd(await follow(gateway));
    await until('every user to be served', () => servedUsers(users.responses).size === USERS);
    await pause(pace.calmMs);
    await until(
      () => `a change for the follower (${statuses(users.responses)}; ${follower.interruptions.join('; ')})`,
      () => follower.changes() > 0,
      DELIVERED_WITHIN_MS,
    );
    const before = p99(users.responses);

    const memory = context.stopAtEnd(watchMemory(services, servers.primaryUrl));
    const startedAt = performance.now();
    const attack = context.stopAtEnd(startAttack(gateway.url, ATTACKERS));
    const rounds: number[] = [];
    for (let round = 0; round < pace.rounds; round += 1) {
      const from = performance.now();
      await pause(pace.roundMs);
      rounds.push(p99(since(users.responses, from)));
    }
    if (quick) {
      const isRefused = (name: string) => (attack.outcomes()[name]?.refused ?? 0) > 0;
      const isDone = () =>
        attackers.every((one) => !one.isRefused || isRefused(one.name)) &&
        servedUsers(since(users.responses, startedAt)).size === USERS;
      // Without them the findings below fail, with more detail.
      await until('refusals', isDone, REFUSED_WITHIN_MS).catch(() => undefined);
    }
    const during = since(users.responses, startedAt);
    const percent = (100 * (attack.cpuMs() ?? Number.NaN)) / (performance.now() - startedAt);
    await memory.stop();
    const outcomes = await attack.end();
    for (const [name, outcome] of Object.entries(outcomes)) log(`${name}: ${JSON.stringify(outcome)}`);
    log(`the attackers' own process used ${percent.toFixed(0)} % of a processor`);
    log(`p99 of users ${before.toFixed(0)} ms before, ${rounds.map((ms) => ms.toFixed(0)).join(', ')} ms during`);
    const keptMb = await keptByBackends(servers.primaryUrl, MAX_BACKEND_MB);
    log(`largest Postgres backend ${memory.peaks.backend.toFixed(0)} MB during, ${keptMb.toFixed(0)} MB after`);

    const changes = follower.changes();
    const delivered = until('a change', () => follower.changes() > changes, DELIVERED_WITHIN_MS);
    const isDelivered = await delivered.then(
      () => true,
      () => false,
    );
    const served = during.filter(isServed).length / Math.max(1, during.length);
    return [
      ...judge(outcomes, quick),
      none('users that were never served during the attack', USERS - servedUsers(during).size),
      atLeast('share of the users’ requests that were served', 0.5, served),
      equal('a follower receives changes after the attack', true, isDelivered),
      equal('interruptions of a follower that may not see the oversize rows', '', follower.interruptions.join('; ')),
      atMost('resident memory of the gateway', MAX_RSS_MB, memory.peaks.gateway, ' MB'),
      atMost('resident memory of realtime', MAX_RSS_MB, memory.peaks.realtime, ' MB'),
      atMost('private memory that a Postgres backend keeps', MAX_BACKEND_MB, keptMb, ' MB'),
      ...(await allRun(services)),
      ...(quick ? [] : [atMost('users’ p99 during the attack, median', before * P99_TIMES, median(rounds), ' ms')]),
    ];
  },
};

/** In a quick round beside other tests a response may be late; an upgrade that is left open never gets one. */
function judge(outcomes: Outcomes, isQuick: boolean): Finding[] {
  return attackers.flatMap(({ name, isRefused }) => {
    const { refused = 0, served = 0, unanswered = 0, largestBytes = 0 } = outcomes[name] ?? {};
    return [
      ...(isRefused ? [atLeast(`${name}: refused`, 1, refused)] : []),
      ...(isQuick && refused + served > 0 ? [] : [none(`${name}: unanswered`, unanswered)]),
      atMost(`${name}: largest response`, MAX_RESPONSE_MB, largestBytes / 1024 ** 2, ' MB'),
    ];
  });
}

type Responses = Users['responses'];
const since = (responses: Responses, from: number) => responses.filter(({ at }) => at > from);
const isServed = ({ status }: UserResponse) => status >= 200 && status < 300;
const statuses = (responses: Responses) => [...new Set(responses.map(({ status }) => status))].join(', ');
const servedUsers = (responses: Responses) => new Set(responses.filter(isServed).map(({ user }) => user));
const p99 = (responses: Responses) =>
  percentile(
    responses.map(({ ms }) => ms),
    0.99,
  );

async function follow(gateway: ServerProcess) {
  let isReady = false;
  let changes = 0;
  const interruptions: string[] = [];
  const socket = openRawSocket({
    url: gateway.url,
    // Browsers cannot set a header here.
    path: `/live?apikey=${await signToken({ sub: 'user 1' })}`,
    hello: JSON.stringify({ op: 'subscribe', id: 'f', query: 'posts?', snapshot: false }),
    onReady() {
      isReady = true;
    },
    onChange() {
      changes += 1;
    },
    onOther(text) {
      if (interruptions.length < 5) interruptions.push(text.slice(0, 200));
    },
  });
  await until('the follower to be subscribed', () => isReady);
  return {
    interruptions,
    changes: () => changes,
    stop: async () => void socket.destroy(),
  };
}

/** Thirty strangers who attack, each in one of the ways that cost them little, beside ordinary users. */
import { runScript } from '@tidemark/db';
import { SignJWT } from 'jose';
import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { median } from '../../measuring/statistics.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { attackers } from '../hostile/all.ts';
import { keptByBackends, watchMemory } from '../hostile/memory.ts';
import type { Outcomes } from '../hostile/outcomes.ts';
import { startAttack } from '../hostile/start-attack.ts';
import { startUsers, type UserAnswer, type Users } from '../hostile/users.ts';
import { createEntries } from '../load/recorded-load.ts';
import { allRun, startFourServices } from '../setup/four-services.ts';
import { SECRET } from '../setup/gateway.ts';
import { atLeast, atMost, equal, type Finding, type Trial } from '../trial.ts';

const ATTACKERS = 30;
const USERS = 10;
/** Calm before the attack, and the attack, in so many rounds, ms. A quick one lasts until each kind was refused. */
const PACE = {
  quick: { calmMs: 500, roundMs: 4_000, rounds: 1 },
  full: { calmMs: 10_000, roundMs: 20_000, rounds: 3 },
};
/** The users' p99 during the attack may be this many times their p99 before it. */
const P99_TIMES = 3;
/** Resident bytes of the gateway and of realtime: their caches, buffers and answers at their limits. */
const MAX_RSS_MB = 700;
/** Private bytes that a Postgres backend keeps: DB_PREPARED_BYTES of prepared statements, and what it knows of tables. */
const MAX_BACKEND_MB = 80;
/** Bytes of one answer: ANSWER_MAX_BYTES. */
const MAX_ANSWER_MB = 64;
/** On a machine that is busy with other tests an attack gets nowhere for a while. */
const REFUSED_WITHIN_MS = 60_000;
const TOLD_WITHIN_MS = 30_000;
/** Short enough that slow readers are cut off within a quick round. */
const SETTINGS = { SLOW_READER_MS: '1000', SLOW_READER_BYTES_PER_S: '10000000' };
const SETUP = `
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
  claim: 'thirty anonymous attackers are refused at a bounded cost, and ordinary users hardly feel them',
  async run(context): Promise<Finding[]> {
    const pace = context.quick ? PACE.quick : PACE.full;
    const stack = await context.stack();
    const { primaryUrl } = await context.database();
    await createEntries(primaryUrl);
    await runScript(primaryUrl, SETUP);
    const services = await startFourServices(context, { primaryUrl, natsUrl: stack.natsUrl, env: SETTINGS });
    const { gateway } = services;
    const users = await startUsers(gateway.url, USERS);
    context.cleanup(() => users.stop());
    const follower = await follow(gateway);
    context.cleanup(async () => void follower.stop());
    await until('every user to be served', () => servedUsers(users.answers).size === USERS);
    await pause(pace.calmMs);
    await until(
      () => `the follower to be told of a change (${statuses(users.answers)}; ${follower.interruptions().join('; ')})`,
      () => follower.changes() > 0,
      TOLD_WITHIN_MS,
    );
    const before = p99(users.answers);

    const memory = watchMemory(services, primaryUrl);
    context.cleanup(() => memory.stop());
    const startedAt = performance.now();
    const attack = startAttack(gateway.url, ATTACKERS);
    context.cleanup(() => attack.stop());
    const rounds: number[] = [];
    for (let round = 0; round < pace.rounds; round += 1) {
      const from = performance.now();
      await pause(pace.roundMs);
      rounds.push(p99(since(users.answers, from)));
    }
    if (context.quick) {
      const missing = () =>
        attackers.filter(({ name, isRefused }) => isRefused && !((attack.outcomes()[name]?.refused ?? 0) > 0));
      const isDone = () => missing().length === 0 && servedUsers(since(users.answers, startedAt)).size === USERS;
      await until('refusals', isDone, REFUSED_WITHIN_MS).catch(() => undefined);
    }
    const during = since(users.answers, startedAt);
    const attackersMs = attack.cpuMs();
    const attackMs = performance.now() - startedAt;
    await memory.stop();
    const outcomes = await attack.end();
    for (const [name, outcome] of Object.entries(outcomes)) context.log(`${name}: ${JSON.stringify(outcome)}`);
    if (attackersMs !== null) {
      const percent = (100 * attackersMs) / attackMs;
      context.log(`the attackers’ own process took ${percent.toFixed(0)} % of a processor of this machine`);
    }
    context.log(
      `p99 of users ${before.toFixed(0)} ms before, ${rounds.map((ms) => ms.toFixed(0)).join(', ')} ms during`,
    );

    const keptMb = await keptByBackends(primaryUrl, MAX_BACKEND_MB);
    context.log(`largest Postgres backend ${memory.peaks.backend.toFixed(0)} MB during, ${keptMb.toFixed(0)} MB after`);

    const changes = follower.changes();
    const told = until('a change', () => follower.changes() > changes, TOLD_WITHIN_MS);
    const isTold = await told.then(
      () => true,
      () => false,
    );
    const found = [
      ...judge(outcomes, context.quick),
      equal('users that were never served during the attack', 0, USERS - servedUsers(during).size),
      atLeast('share of users’ requests that were served', 0.5, shareServed(during)),
      equal('a follower is told of what comes after', true, isTold),
      equal('interruptions of a follower that may not see the oversize rows', '', follower.interruptions().join('; ')),
      atMost('resident memory of the gateway', MAX_RSS_MB, memory.peaks.gateway, ' MB'),
      atMost('resident memory of realtime', MAX_RSS_MB, memory.peaks.realtime, ' MB'),
      atMost('private memory that a Postgres backend keeps', MAX_BACKEND_MB, keptMb, ' MB'),
      ...(await allRun(services)),
    ];
    if (context.quick) return found;
    return [
      ...found,
      atMost('users’ p99 during the attack, median of three', before * P99_TIMES, median(rounds), ' ms'),
    ];
  },
};

/** A quick round runs beside other tests, so that an answer may be late; an upgrade that is left open is never in time. */
function judge(outcomes: Outcomes, isQuick: boolean): Finding[] {
  return attackers.flatMap(({ name, isRefused }) => {
    const { refused = 0, served = 0, unanswered = 0, largestBytes = 0 } = outcomes[name] ?? {};
    return [
      ...(isRefused ? [atLeast(`${name}: refused`, 1, refused)] : []),
      ...(isQuick && refused + served > 0 ? [] : [equal(`${name}: not answered`, 0, unanswered)]),
      atMost(`${name}: largest answer`, MAX_ANSWER_MB, largestBytes / 1024 ** 2, ' MB'),
    ];
  });
}

const since = (answers: Users['answers'], from: number) => answers.filter(({ at }) => at > from);
const isServed = ({ status }: UserAnswer) => status >= 200 && status < 300;
const statuses = (answers: Users['answers']) => [...new Set(answers.map(({ status }) => status))].join(', ');
const servedUsers = (answers: Users['answers']) => new Set(answers.filter(isServed).map(({ user }) => user));
const shareServed = (answers: Users['answers']) => answers.filter(isServed).length / Math.max(1, answers.length);

function p99(answers: readonly UserAnswer[]): number {
  const times = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(times.length * 0.99))] ?? 0;
}

/** One of the users follows what it writes, through the gateway. */
async function follow(gateway: ServerProcess) {
  const key = new TextEncoder().encode(SECRET);
  const claims = new SignJWT({ role: 'authenticated', sub: 'user 1' });
  const token = await claims.setProtectedHeader({ alg: 'HS256' }).sign(key);
  let isReady = false;
  let changes = 0;
  const interruptions: string[] = [];
  const socket = openRawSocket({
    dialect: 'tidemark',
    port: Number(new URL(gateway.url).port),
    // As a browser does, which can set no header here.
    path: `/live?apikey=${token}`,
    token: undefined,
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
    changes: () => changes,
    interruptions: () => interruptions,
    stop: () => socket.destroy(),
  };
}

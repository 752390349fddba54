/** A realtime instance with tables of every kind, and an operator's questions to it. */
import { LiveList, type LiveListRequest, LiveWhy, type LiveWhyRequest } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import type { Test } from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create table public.notes (id int primary key, team text not null, minute int, body text, shown boolean not null default true);
alter table public.notes replica identity full;
alter table public.notes enable row level security;
create policy "own rows" on public.notes for select to authenticated
  using (team = current_setting('request.jwt.claims', true)::json ->> 'sub');
create policy "for all" on public.notes for select to authenticated using (team = 'everyone');
create policy shown on public.notes as restrictive for select to public using (shown);
create table public.pairs (a int, b text, n int, primary key (a, b));
alter table public.pairs replica identity full;
create table public.keyless (n int);
alter table public.keyless replica identity full;
create table public.secret (id int primary key);
create table public.unpublished (id int primary key);
grant select on public.notes, public.pairs, public.keyless, public.unpublished to authenticated, anon;
create policy everything on public.notes for select to service_role using (true);
grant select on public.notes to service_role;
alter publication tidemark add table public.notes, public.pairs, public.keyless, public.secret;`;
export const INSTANCE = 'rt-why';

export async function startInspected(t: Test) {
  const service = await startTestRealtime(SETUP, { INSTANCE, LIVE_LATEST_MS: '500' });
  t.teardown(() => service.stop());
  const { bus } = service.realtime;
  const operator = await token({ role: 'service_role' });
  const why = (sub: string, key: string | number, more: Partial<LiveWhyRequest> = {}) =>
    bus.ask<LiveWhy>(
      bus.subjects.inspect('why', INSTANCE),
      { sub, table: 'notes', key: String(key), limit: 5, token: operator, ...more } satisfies LiveWhyRequest,
      { schema: LiveWhy, timeoutMs: 5_000 },
    );
  const list = (more: Partial<LiveListRequest> = {}) =>
    bus.ask<LiveList>(
      bus.subjects.inspect('subscriptions', INSTANCE),
      { token: operator, after: 0, limit: 100, ...more } satisfies LiveListRequest,
      { schema: LiveList, timeoutMs: 5_000 },
    );
  let opened = 0;
  const connect = async (name?: string) => {
    const options =
      name === undefined ? {} : { token: await token({ role: 'authenticated', sub: name, email: 'x@y' }) };
    const client = await new LiveClient(service.url, options).open();
    opened += 1;
    return { client, socket: `${INSTANCE}/${opened}` };
  };
  /** Returns the answer once the newest change of the row has been decided. */
  const decided = async (sub: string, key: string | number, more: Partial<LiveWhyRequest> = {}) => {
    let answer: LiveWhy | undefined;
    await until(async () => {
      answer = await why(sub, key, more).catch((error: { code?: string }) => {
        if (error.code === 'RT_KEY_NOT_CHANGED') return undefined;
        throw error;
      });
      return answer !== undefined && answer.changes[0]?.outcome !== 'not yet';
    }, 'the change to be decided');
    return answer as LiveWhy;
  };
  return { service, connect, why, list, decided };
}

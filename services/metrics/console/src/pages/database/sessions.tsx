/** The lock tree: each root with those that wait for it, and the SQL that ends it. */
import type { LockRoot, Waiter } from '../../../../src/collectors/lock-tree.ts';
import { Link, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Since } from '../../parts/age.tsx';
import { Sql } from '../../parts/copy.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { format } from '../../quantities.tsx';

interface LocksAnswer {
  waiting: number;
  roots: LockRoot[];
}

export function Sessions() {
  const answer = useAnswer<LocksAnswer>('database/locks', { everyMs: 2_000 });
  const { pid } = useAddress().params;
  return (
    <Panel
      id="sessions"
      title="Locks"
      wide
      from={answer}
      note={answer.value && `${answer.value.waiting} sessions wait`}
    >
      <Loaded from={answer}>
        {({ roots }) =>
          roots.length === 0 ? (
            <Empty>No session waits for a lock of another one.</Empty>
          ) : (
            <ul class="lock-tree">
              {roots.map((root) => (
                <Root key={root.session?.pid ?? root.prepared?.gid} root={root} selected={pid} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}

const MAX_WAITERS = 30;

function Root({ root: { session, prepared, waiters }, selected }: { root: LockRoot; selected: string | undefined }) {
  const children = (behind: number | null) => waiters.filter((waiter) => waiter.behind === behind);
  const held = (session?.held ?? prepared?.held ?? []).map(
    ({ mode, relation }) => `${mode} on ${relation ?? 'a transaction'}`,
  );
  return (
    <li class={selected === String(session?.pid) ? 'chosen' : undefined}>
      {session && (
        <>
          <p>
            <b>
              <Link page="database" params={{ section: 'sessions', pid: String(session.pid) }} row>
                pid {session.pid}
              </Link>{' '}
              {session.application || 'without a name'}
            </b>{' '}
            {session.user} {session.client && `from ${session.client}`} · {session.state}
            {session.stateSince !== null && (
              <>
                {' '}
                for <Since since={session.stateSince} />
              </>
            )}{' '}
            · holds {held.join(', ') || 'locks'}
          </p>
          <p class="hint">
            <code>{session.statement}</code>
          </p>
          <Sql text={endSql(session.pid, session.backendStart)} />
        </>
      )}
      {prepared && (
        <>
          <p>
            <b>prepared transaction {prepared.gid}</b> of {prepared.owner}, for <Since since={prepared.since} /> · holds{' '}
            {held.join(', ')}
          </p>
          <Sql text={`rollback prepared '${prepared.gid.replaceAll("'", "''")}'`} />
        </>
      )}
      <Waiters waiters={children(session?.pid ?? null).slice(0, MAX_WAITERS)} childrenOf={children} />
      {waiters.length > MAX_WAITERS && <p class="hint">{waiters.length} sessions wait in all.</p>}
    </li>
  );
}

function Waiters({ waiters, childrenOf }: { waiters: Waiter[]; childrenOf: (behind: number) => Waiter[] }) {
  if (waiters.length === 0) return null;
  return (
    <ul>
      {waiters.map((waiter) => (
        <li key={waiter.pid}>
          <Link page="database" params={{ section: 'pools', pid: String(waiter.pid) }} row>
            pid {waiter.pid}
          </Link>{' '}
          {waiter.application} waits for {waiter.mode} on {waiter.relation ?? 'a transaction'}
          {waiter.waitingMs !== null && `, for ${format(waiter.waitingMs, 'ms')}`}
          <Waiters waiters={childrenOf(waiter.pid)} childrenOf={childrenOf} />
        </li>
      ))}
    </ul>
  );
}

/** It does nothing once that process has ended, even if another one has its pid. */
const endSql = (pid: number, backendStart: string) =>
  `select pg_terminate_backend(pid) from pg_stat_activity where pid = ${pid} and backend_start = '${backendStart}'`;

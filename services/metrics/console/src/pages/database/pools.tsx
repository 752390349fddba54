/** The connections of each pool as a grid of slots: who holds which, for how long, and where in the code it was taken. */
import type { HeldConnection } from '@tidemark/contracts';
import type { PoolSummary } from '../../../../src/instances/pools.ts';
import { Link, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Facts } from '../../parts/facts.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { format } from '../../quantities.tsx';

export type Held = HeldConnection & { instance: string };
export interface PoolsAnswer {
  pools: Record<string, PoolSummary>;
  held: Held[];
  silent: { instance: string }[];
}
type Pool = PoolSummary['instances'][number];

/** Instances beyond are left out: those whose pools are used most are shown. */
const MAX_POOLS = 60;
const EVERY_MS = 2_000;
const MAX_HELD = 200;

export function Pools() {
  const answer = useAnswer<PoolsAnswer>(`database/pools?limit=${MAX_HELD}`, { everyMs: EVERY_MS });
  const { pid } = useAddress().params;
  return (
    <Panel id="pools" title="Pools" wide from={answer} note="■ busy, by who holds it · □ idle · others wait behind">
      <Loaded from={answer}>
        {({ pools, held, silent }) => {
          const all = Object.values(pools).flatMap(({ instances }) => instances);
          const shown = all
            .filter(({ acquiredTotal, waiting, slots }) => acquiredTotal > 0 || waiting > 0 || slots.busy > 0)
            .sort((a, b) => b.waiting - a.waiting || b.slots.busy - a.slots.busy || nameOf(a).localeCompare(nameOf(b)));
          const holder = pid === undefined ? undefined : held.find((one) => one.pid === Number(pid));
          return (
            <>
              {holder && <Holder held={holder} />}
              {pid !== undefined && !holder && (
                <p class="hint">No pool of ours holds a connection with pid {pid} now.</p>
              )}
              {shown.length === 0 && (
                <Empty>No pool has been used yet: no service holds connections to Postgres.</Empty>
              )}
              <ul class="pools">
                {shown.slice(0, MAX_POOLS).map((pool) => (
                  <PoolRow
                    key={nameOf(pool)}
                    pool={pool}
                    held={held.filter((one) => one.pool === pool.name && one.instance === pool.instance)}
                    selected={pid}
                  />
                ))}
              </ul>
              {silent.length > 0 && (
                <p class="problem">
                  {silent.length === 1 ? '1 instance has not said' : `${silent.length} instances have not said`} who
                  holds connections.
                </p>
              )}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function PoolRow({ pool, held, selected }: { pool: Pool; held: readonly Held[]; selected: string | undefined }) {
  const { slots, waiting, waitingLimit, waitP99Ms, max } = pool;
  const unknown = Math.max(0, slots.busy - held.length);
  const full = waiting > 0 && slots.busy >= (pool.limit ?? max);
  return (
    <li class={full ? 'bad' : waiting > 0 ? 'warn' : undefined}>
      <span class="pool-name" title={nameOf(pool)}>
        {pool.name} <span class="unit">{pool.instance}</span>
      </span>
      <span class="slots">
        {held.map((one) => (
          <Link
            key={one.pid}
            page="database"
            params={{ section: 'pools', pid: String(one.pid) }}
            row
            class={slotClass(one, selected)}
            title={`pid ${one.pid}: ${one.route ?? 'no route'}, ${format(one.heldMs, 'ms')}`}
          >
            <span class="hidden">
              pid {one.pid}, {one.route ?? 'no route'}, held for {format(one.heldMs, 'ms')}
            </span>
          </Link>
        ))}
        <Slots count={unknown} kind="busy" />
        <Slots count={slots.idle} kind="idle" />
        <Slots count={slots.connecting} kind="connecting" />
      </span>
      <span class="unit">
        {slots.busy} of {pool.limit ?? max} busy
        {waiting > 0 && `, ${waiting} of ${waitingLimit} wait, p99 ${format(waitP99Ms, 'ms')}`}
        {pool.refusedTotal + pool.timeoutsTotal > 0 && `, ${pool.refusedTotal + pool.timeoutsTotal} refused`}
      </span>
    </li>
  );
}

/** More slots of a kind are a number, so that a page with 80 instances stays small. */
const MAX_SLOTS = 24;

function Slots({ count, kind }: { count: number; kind: string }) {
  if (count === 0) return null;
  return (
    <span role="img" aria-label={`${count} ${kind}`} title={`${count} ${kind}`}>
      {Array.from({ length: Math.min(count, MAX_SLOTS) }, (_, index) => (
        <i key={index} class={`slot ${kind}`} />
      ))}
      {count > MAX_SLOTS && `+${count - MAX_SLOTS}`}
    </span>
  );
}

function slotClass({ pid, leaked, heldMs, pipeline }: Held, selected: string | undefined): string {
  const tone = leaked ? 'bad' : heldMs > 1_000 && !pipeline ? 'warn' : 'busy';
  return `slot ${tone}${selected === String(pid) ? ' chosen' : ''}`;
}

function Holder({ held }: { held: Held }) {
  return (
    <section class="chosen-slot" aria-label={`Connection with pid ${held.pid}`}>
      <Facts
        facts={[
          ['Pid', String(held.pid)],
          ['Held for', `${format(held.heldMs, 'ms')}${held.leaked ? ', which is a leak' : ''}`],
          [
            'Route',
            held.route && (
              <Link page="requests" params={{ route: held.route }}>
                {held.route}
              </Link>
            ),
          ],
          ['Pool', `${held.pool} of ${held.instance}${held.pipeline ? ', as a pipeline of short reads' : ''}`],
          ['Trace', held.trace],
          ['Statement', held.statement && <code>{held.statement}</code>],
        ]}
      />
      {held.stack !== null && <pre>{held.stack}</pre>}
    </section>
  );
}

const nameOf = ({ service, instance, name }: Pool) => `${service}/${instance}/${name}`;

import { Chart } from '../parts/chart.tsx';
import { Figure, Figures, Meter } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { Quantity } from '../quantities.tsx';
import { linesOf, type View } from '../view.ts';

const MIN_AGE_S = 5;

export function Postgres({ view }: { view: View }) {
  const { postgres, activity } = view.health;
  const { connections } = postgres;
  const oldest = activity?.oldestTransaction;
  const lines = [
    ...linesOf(view, 'postgres.commits', '', 'commits').map((line) => ({ ...line, colour: 0 })),
    ...linesOf(view, 'postgres.active', '', 'active').map((line) => ({ ...line, colour: 1 })),
  ];
  return (
    <Panel
      id="postgres"
      title="Postgres"
      note={postgres.version ? `${postgres.version} · WAL ${postgres.walLsn}` : undefined}
    >
      {connections === null ? (
        <Empty>
          {postgres.problem ?? 'Not asked yet.'} The figures come back by themselves once it answers at DATABASE_URL.
        </Empty>
      ) : (
        <>
          <Figures>
            <Figure name="Connections" value={connections.total} unit="count" of={`/ ${connections.max}`} />
            <Figure name="Active" value={connections.active} unit="count" />
            <Figure
              name="Idle in tx"
              value={connections.idleInTransaction}
              unit="count"
              tone={connections.idleInTransaction > 0 ? 'warn' : undefined}
            />
            <Figure
              name="Wait for locks"
              value={activity?.waitingForLock}
              unit="count"
              tone={activity?.waitingForLock ? 'warn' : undefined}
            />
            <Figure name="WAL" value={activity?.walBytesPerSecond} unit="bytesPerSecond" />
            <Figure name="Size" value={postgres.databaseBytes} unit="bytes" />
          </Figures>
          <Meter share={connections.total / connections.max} label="Share of max_connections" />
          <Chart title="Commits" times={view.recent.times()} lines={lines.slice(0, 1)} unit="perSecond" />
          {oldest && oldest.seconds > MIN_AGE_S && (
            <p class="aside">
              Oldest transaction: <Quantity value={oldest.seconds} unit="seconds" />, {oldest.application || 'no name'}{' '}
              (pid {oldest.pid}, {oldest.state}) <code>{oldest.statement}</code>
            </p>
          )}
        </>
      )}
    </Panel>
  );
}

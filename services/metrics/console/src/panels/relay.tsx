import { Chart } from '../parts/chart.tsx';
import { Figure, Figures } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Quantity } from '../quantities.tsx';
import { type Instance, instancesOf, keyOf, linesOf, shortLabel, sumOf, type View } from '../view.ts';

type Relay = NonNullable<Instance['relay']> & { owner: string };

const COLUMNS: Column<Relay>[] = [
  { head: 'Instance', rowHeader: true, grow: true, cell: (row) => shortLabel(row.owner) },
  { head: 'Role', cell: (row) => row.role },
  { head: 'Confirmed', cell: (row) => <span class="code">{row.confirmedLsn ?? '–'}</span> },
  { head: 'Changes', number: true, cell: (row) => <Quantity value={row.changesTotal} unit="count" /> },
];

export function Relay({ view }: { view: View }) {
  const rows = instancesOf(view, 'realtime').flatMap((instance) =>
    instance.relay ? [{ ...instance.relay, owner: keyOf(instance) }] : [],
  );
  const active = rows.find(({ role }) => role === 'active');
  const failure = rows.find(({ lastError }) => lastError !== null);
  return (
    <Panel id="relay" title="WAL relay" note={active?.epoch ? `epoch ${active.epoch}` : undefined}>
      {rows.length === 0 ? (
        <Empty>
          No relay reports itself, so changes reach neither subscribers nor caches. One of the realtime instances runs
          it: <code>npm start</code>.
        </Empty>
      ) : (
        <>
          <Figures>
            <Figure name="Lag" value={active?.lagBytes} unit="bytes" />
            <Figure name="Changes" value={sumOf(view, 'relay.changes')} unit="perSecond" />
            <Figure name="In flight" value={active?.inFlight} unit="count" />
          </Figures>
          <Chart
            title="Changes relayed"
            times={view.recent.times()}
            lines={linesOf(view, 'relay.changes')}
            unit="perSecond"
          />
          <Table
            caption="Relays"
            columns={COLUMNS}
            rows={rows}
            keyOf={(row) => row.owner}
            toneOf={(row) => (row.role === 'stopped' ? 'bad' : row.role === 'standby' ? 'muted' : undefined)}
          />
          {failure && (
            <p class="aside">
              Last error of {shortLabel(failure.owner)}: {failure.lastError}
            </p>
          )}
        </>
      )}
    </Panel>
  );
}

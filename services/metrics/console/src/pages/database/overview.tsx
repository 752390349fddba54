import { useTopic } from '../../live/session.ts';
import { useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { Panel } from '../../parts/panel.tsx';

const SERIES = ['postgres.*'];

export function Overview() {
  const primary = useTopic('path')?.value.primary;
  const received = useTopic('replication');
  const series = useSeries(SERIES);
  const one = (figure: string, label: string, colour: number) =>
    series.of(figure).map(({ values }) => ({ label, values, colour }));
  const waiting = primary?.waitingForLock ?? null;
  return (
    <Panel id="postgres" title="Postgres" wide from={{ at: series.at, problem: series.problem, maxMs: 90_000 }}>
      <Figures>
        <Figure name="Connections" value={primary?.total} unit="count" of={primary?.max ? `/ ${primary.max}` : ''} />
        <Figure name="Active" value={primary?.active} unit="count" />
        <Figure name="Wait for locks" value={waiting} unit="count" tone={waiting ? 'warn' : undefined} />
        <Figure name="WAL written" value={received?.value.walBytesPerSecond} unit="bytesPerSecond" />
        <Figure name="Size" value={received?.value.databaseBytes} unit="bytes" />
      </Figures>
      <div class="charts">
        <Chart small title="Commits" series={series} lines={one('postgres.commits', '', 0)} unit="perSecond" />
        <Chart small title="Active connections" series={series} lines={one('postgres.active', '', 1)} unit="count" />
        <Chart small title="WAL" series={series} lines={one('postgres.wal', '', 2)} unit="bytesPerSecond" />
        <Chart small title="Replica lag" series={series} lines={series.of('postgres.replica_lag')} unit="ms" />
      </div>
    </Panel>
  );
}

import { Link } from '../../address/router.tsx';
import type { Answer } from '../../live/use-answer.ts';
import { useSeries } from '../../live/use-series.ts';
import { Chart } from '../../parts/chart.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { format, formatTime } from '../../quantities.tsx';
import { keyOf } from './instances.tsx';
import type { Process, ProcessesAnswer } from './processes.ts';
import { Profiles } from './profiles.tsx';

/** @param name `<service>/<instance>` */
export function InstanceDetail({ name, answer }: { name: string; answer: Answer<ProcessesAnswer> }) {
  const series = useSeries(['rss', 'heap', 'cpu', 'loop_p99'].map((figure) => `process.${figure}@${name}`));
  const line = (figure: string, colour: number) =>
    series.of(`process.${figure}`).map(({ values }) => ({ label: '', values, colour }));
  return (
    <Panel id="instance" title={name} wide from={answer}>
      <Loaded from={answer}>
        {({ processes, lost }) => {
          const live = processes.find((one) => keyOf(one) === name);
          const gone = lost.find((one) => keyOf(one) === name);
          if (gone)
            return (
              <Empty>
                It has been silent for {format(gone.silentMs, 'ms')}, since {formatTime(gone.lastSeenAt)}.
              </Empty>
            );
          if (!live) return <Empty>No instance of this name reports itself.</Empty>;
          return <Live process={live} />;
        }}
      </Loaded>
      <div class="charts">
        <Chart small title="Resident memory" series={series} lines={line('rss', 0)} unit="bytes" />
        <Chart small title="Heap" series={series} lines={line('heap', 2)} unit="bytes" />
        <Chart small title="CPU, % of a core" series={series} lines={line('cpu', 1)} unit="count" />
        <Chart small title="Event loop delay, p99" series={series} lines={line('loop_p99', 4)} unit="ms" />
      </div>
    </Panel>
  );
}

function Live({ process: live }: { process: Process }) {
  const { gc, heapUsedBytes, heapLimitBytes } = live.process;
  return (
    <>
      <Facts
        facts={[
          ['Pid', String(live.pid)],
          ['Address', live.url.replace(/^https?:\/\//, '')],
          ['Version', live.version],
          ['Started', new Date(live.startedAt).toLocaleString('en-GB')],
          ['Heap', `${format(heapUsedBytes, 'bytes')} of ${format(heapLimitBytes, 'bytes')}`],
          ['After the last full collection', gc && format(gc.heapAfterBytes, 'bytes')],
          ['Pauses of the collector', gc && `${format(gc.total, 'count')}, ${format(gc.totalMs, 'ms')} in all`],
          [
            'Pools',
            <Link page="database" params={{ section: 'pools' }}>
              its connections ▸
            </Link>,
          ],
        ]}
      />
      <Profiles instance={live.instance} />
    </>
  );
}

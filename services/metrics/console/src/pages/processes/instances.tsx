import type { HealthAnswer } from '../../../../src/health/answer.ts';
import { Link } from '../../address/router.tsx';
import type { Answer } from '../../live/use-answer.ts';
import { Meter } from '../../parts/figures.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format, Quantity } from '../../quantities.tsx';
import type { Process, ProcessesAnswer } from './processes.ts';

interface Row {
  key: string;
  service: string;
  instance: string;
  live: Process | undefined;
  lost: HealthAnswer['lost'][number] | undefined;
}

const COLUMNS: Column<Row>[] = [
  {
    head: 'Instance',
    rowHeader: true,
    cell: ({ key, instance }) => (
      <Link page="processes" params={{ instance: key }} row>
        {instance}
      </Link>
    ),
  },
  { head: 'State', grow: true, cell: stateOf },
  { head: 'Work', minor: true, cell: ({ live }) => live && workOf(live) },
  {
    head: 'CPU',
    number: true,
    cell: ({ live }) => <Quantity value={live && live.process.cpuPercent / 100} unit="percent" />,
  },
  { head: 'Heap', cell: ({ live }) => live && <Heap process={live.process} /> },
  { head: 'Memory', number: true, cell: ({ live }) => <Quantity value={live?.process.rssBytes} unit="bytes" /> },
  {
    head: 'Loop p99',
    number: true,
    cell: ({ live }) => <Quantity value={live?.process.eventLoopDelayP99Ms} unit="ms" />,
  },
  {
    head: 'Up',
    number: true,
    minor: true,
    cell: ({ live }) => <Quantity value={live?.process.uptimeSeconds} unit="seconds" />,
  },
  { head: 'Pid', number: true, minor: true, cell: ({ live }) => live?.pid ?? '–' },
];

function stateOf({ live, lost }: Row): string {
  if (lost) return `lost, silent for ${format(lost.silentMs, 'ms')}`;
  return live?.ready ? 'ready' : `not ready: ${live?.problems.join('; ')}`;
}

function workOf({ http, sockets, workers, relay }: Process): string {
  const work = [
    sockets && `${sockets.open} sockets`,
    relay && (relay.role === 'active' ? 'runs the relay' : `relay ${relay.role}`),
    workers && `${workers.busy} of ${workers.threads} threads`,
    http && `${http.inFlight} requests`,
  ];
  return work.filter(Boolean).join(', ');
}

function Heap({ process: { heapUsedBytes, heapLimitBytes } }: Pick<Process, 'process'>) {
  const share = heapLimitBytes === undefined ? undefined : heapUsedBytes / heapLimitBytes;
  return (
    <span class="gauge">
      {share !== undefined && (
        <Meter share={share} label="Share of the heap limit" tone={share > 0.8 ? 'bad' : undefined} />
      )}
      <span>{format(heapUsedBytes, 'bytes')}</span>
    </span>
  );
}

export function Instances({ answer, selected }: { answer: Answer<ProcessesAnswer>; selected: string | undefined }) {
  return (
    <Panel id="instances" title="Instances" wide from={answer}>
      <Loaded from={answer}>
        {({ processes, lost }) => {
          const rows = [
            ...processes.map((live): Row => ({ ...live, key: keyOf(live), live, lost: undefined })),
            ...lost.map((one): Row => ({ ...one, key: keyOf(one), live: undefined, lost: one })),
          ].sort((a, b) => a.key.localeCompare(b.key));
          if (rows.length === 0) {
            return <Empty>No instance reports itself. Does this service use the same NATS_URL and NATS_PREFIX?</Empty>;
          }
          return (
            <Table
              caption="Instances"
              columns={COLUMNS}
              rows={rows}
              keyOf={({ key }) => key}
              isSelected={({ key }) => key === selected}
              toneOf={({ lost, live }) => (lost ? 'bad' : live?.ready ? undefined : 'warn')}
            />
          );
        }}
      </Loaded>
    </Panel>
  );
}

export const keyOf = ({ service, instance }: { service: string; instance: string }) => `${service}/${instance}`;

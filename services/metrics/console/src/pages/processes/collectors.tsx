import type { Answer } from '../../live/use-answer.ts';
import { Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { formatTime, Quantity } from '../../quantities.tsx';
import type { ProcessesAnswer } from './processes.ts';

type Collector = ProcessesAnswer['collectors'][number];

const COLUMNS: Column<Collector>[] = [
  { head: 'Collector', rowHeader: true, cell: ({ name }) => name },
  {
    head: 'Now',
    grow: true,
    cell: ({ error, collectedAt }) => error ?? (collectedAt === null ? 'has not run yet' : 'ok'),
  },
  { head: 'Every', number: true, minor: true, cell: ({ intervalMs }) => <Quantity value={intervalMs} unit="ms" /> },
  { head: 'Took', number: true, cell: ({ tookMs }) => <Quantity value={tookMs} unit="ms" /> },
  {
    head: 'Last success',
    number: true,
    cell: ({ collectedAt }) => (collectedAt === null ? 'never' : formatTime(collectedAt)),
  },
  {
    head: 'Failures',
    number: true,
    minor: true,
    cell: ({ failuresTotal }) => <Quantity value={failuresTotal} unit="count" />,
  },
];

export function Collectors({ answer }: { answer: Answer<ProcessesAnswer> }) {
  return (
    <Panel id="collectors" title="Where the figures come from" wide from={answer}>
      <Loaded from={answer}>
        {({ collectors }) => (
          <Table
            caption="Collectors"
            columns={COLUMNS}
            rows={collectors}
            keyOf={({ name }) => name}
            toneOf={({ error }) => (error === null ? undefined : 'bad')}
          />
        )}
      </Loaded>
    </Panel>
  );
}

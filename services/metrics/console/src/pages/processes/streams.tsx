import type { Answer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Quantity } from '../../quantities.tsx';
import type { ProcessesAnswer } from './processes.ts';

type Stream = ProcessesAnswer['streams'][number];

const COLUMNS: Column<Stream>[] = [
  { head: 'Stream', rowHeader: true, grow: true, cell: ({ name }) => name },
  { head: 'Messages', number: true, cell: ({ messages }) => <Quantity value={messages} unit="count" /> },
  { head: 'Size', number: true, cell: ({ bytes }) => <Quantity value={bytes} unit="bytes" /> },
  { head: 'Readers', number: true, cell: ({ consumers }) => <Quantity value={consumers} unit="count" /> },
  { head: 'Unread', number: true, cell: ({ pending }) => <Quantity value={pending} unit="count" /> },
  {
    head: 'Unacked',
    number: true,
    minor: true,
    cell: ({ ackPending }) => <Quantity value={ackPending} unit="count" />,
  },
];

export function Streams({ answer }: { answer: Answer<ProcessesAnswer> }) {
  return (
    <Panel id="nats" title="NATS streams" wide from={answer}>
      <Loaded from={answer}>
        {({ streams }) =>
          streams.length === 0 ? (
            <Empty>No stream is known: NATS does not answer, or realtime and batch have not created theirs yet.</Empty>
          ) : (
            <Table caption="NATS streams" columns={COLUMNS} rows={streams} keyOf={({ name }) => name} />
          )
        }
      </Loaded>
    </Panel>
  );
}

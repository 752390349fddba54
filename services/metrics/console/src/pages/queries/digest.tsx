import type { DigestEntry } from '../../../../src/digest/statement-days.ts';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Quantity } from '../../quantities.tsx';

const COLUMNS: Column<DigestEntry>[] = [
  { head: 'Statement', rowHeader: true, grow: true, cell: ({ text }) => <code title={text}>{text}</code> },
  { head: 'It is', cell: ({ kind }) => (kind === 'new' ? 'new' : 'slower ▲') },
  { head: 'Mean', number: true, cell: ({ meanMs }) => <Quantity value={meanMs} unit="ms" /> },
  { head: 'Before', number: true, cell: ({ meanBeforeMs }) => <Quantity value={meanBeforeMs} unit="ms" /> },
  { head: 'Calls', number: true, cell: ({ calls }) => <Quantity value={calls} unit="count" /> },
];

export function Digest() {
  const answer = useAnswer<{ day: string; statements: DigestEntry[] }>('queries/digest', { everyMs: 60_000 });
  return (
    <Panel
      id="digest"
      title="New or worse yesterday"
      wide
      from={{ ...answer, maxMs: 300_000 }}
      note={answer.value?.day}
    >
      <Loaded from={answer}>
        {({ statements }) =>
          statements.length === 0 ? (
            <Empty>No statement was new, or slower than in the week before.</Empty>
          ) : (
            <Table
              caption="New or worse"
              columns={COLUMNS}
              rows={statements}
              keyOf={({ shape, kind }) => shape + kind}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

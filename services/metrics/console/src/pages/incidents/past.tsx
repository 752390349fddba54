import type { TimelineEvent } from '../../../../src/timeline/timeline.ts';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';

const COLUMNS: Column<TimelineEvent>[] = [
  { head: 'Ended', rowHeader: true, cell: ({ at }) => new Date(at).toLocaleString('en-GB') },
  { head: 'Lasted', number: true, cell: ({ message }) => /^ended after ([^:]+):/.exec(message)?.[1] ?? '–' },
  { head: 'What it was', grow: true, cell: ({ message }) => message.replace(/^ended after [^:]+: /, '') },
  { head: 'Problem', minor: true, cell: ({ subject }) => subject },
];
const MAX_SHOWN = 50;

/** Incidents that have ended; the newest first. */
export function Past() {
  const answer = useAnswer<{ events: TimelineEvent[] }>(`events?type=alert.ended&limit=${MAX_SHOWN}`, {
    everyMs: 10_000,
  });
  return (
    <Panel id="past" title="Past" wide from={{ ...answer, maxMs: 60_000 }}>
      <Loaded from={answer}>
        {({ events }) =>
          events.length === 0 ? (
            <Empty>No incident is known.</Empty>
          ) : (
            <Table
              caption="Past incidents"
              columns={COLUMNS}
              rows={[...events].reverse()}
              keyOf={({ id }) => String(id)}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

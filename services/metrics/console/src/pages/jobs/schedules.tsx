import { useEyes } from '../../eyes/eyes.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format } from '../../quantities.tsx';
import { useRows } from './job.ts';

interface Schedule {
  id: string;
  name: string;
  pattern: string;
  time_zone: string;
  kind: string;
  priority: string;
  paused: boolean;
  next_at: string | null;
}

const QUERY = 'job_schedules?select=id,name,pattern,time_zone,kind,priority,paused,next_at&order=next_at&limit=100';

const COLUMNS: Column<Schedule>[] = [
  { head: 'Schedule', rowHeader: true, grow: true, cell: ({ name }) => name },
  { head: 'Pattern', cell: ({ pattern, time_zone }) => <code title={time_zone}>{pattern}</code> },
  { head: 'Kind', cell: ({ kind }) => kind },
  { head: 'Next', number: true, cell: nextOf },
];

function nextOf({ paused, next_at }: Schedule): string {
  if (paused) return 'paused';
  return next_at === null ? 'never' : `in ${format(Math.max(0, Date.parse(next_at) - Date.now()), 'ms')}`;
}

export function Schedules() {
  const answer = useRows<Schedule>(useEyes(), QUERY, 10_000);
  return (
    <Panel id="schedules" title="Schedules" from={{ ...answer, maxMs: 60_000 }}>
      <Loaded from={answer}>
        {(schedules) =>
          schedules.length === 0 ? (
            <Empty>
              There is no schedule. <code>POST /api/v1/schedules</code> makes one.
            </Empty>
          ) : (
            <Table caption="Schedules" columns={COLUMNS} rows={schedules} keyOf={({ id }) => id} />
          )
        }
      </Loaded>
    </Panel>
  );
}

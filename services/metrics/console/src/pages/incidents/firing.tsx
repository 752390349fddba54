import type { AlertState } from '../../../../src/alerts/alert.ts';
import type { DeliveryState } from '../../../../src/alerts/delivery.ts';
import type { HeartbeatState } from '../../../../src/alerts/heartbeat.ts';
import type { Silence } from '../../../../src/alerts/silences.ts';
import { Link } from '../../address/router.tsx';
import { type Answer, useAnswer } from '../../live/use-answer.ts';
import { Since } from '../../parts/age.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { useAction } from '../../parts/post.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { formatTime } from '../../quantities.tsx';

type Alert = Omit<AlertState, 'muted' | 'endedAt'> & { silenced: boolean };

export interface AlertsAnswer {
  delivering: boolean;
  alerts: Alert[];
  silences: Silence[];
  receivers: DeliveryState[];
  heartbeat: HeartbeatState | null;
}

export const useAlerts = (): Answer<AlertsAnswer> => useAnswer<AlertsAnswer>('alerts', { everyMs: 3_000 });

const COLUMNS: Column<Alert>[] = [
  {
    head: 'Alert',
    rowHeader: true,
    grow: true,
    cell: ({ key, message }) => (
      <Link page="" params={{ finding: key }} row title={message}>
        {message}
      </Link>
    ),
  },
  { head: 'Severity', cell: ({ severity, silenced }) => (silenced ? `${severity}, silenced` : severity) },
  { head: 'For', number: true, cell: ({ startedAt }) => <Since since={startedAt} /> },
  { head: 'Rule', minor: true, cell: ({ rule }) => rule },
  { head: 'Told', minor: true, cell: ({ sent }) => Object.keys(sent).join(', ') || 'nobody' },
];

export function Firing() {
  const answer = useAlerts();
  return (
    <Panel id="firing" title="Firing" wide from={answer}>
      <Loaded from={answer}>
        {({ alerts, silences }) => (
          <>
            {alerts.length === 0 ? (
              <Empty>No alert lasts.</Empty>
            ) : (
              <Table
                caption="Alerts that last"
                columns={COLUMNS}
                rows={alerts}
                keyOf={({ id }) => id}
                toneOf={({ severity, silenced }) => (silenced ? 'muted' : severity === 'critical' ? 'bad' : 'warn')}
              />
            )}
            {silences.map((silence) => (
              <SilenceLine key={silence.id} silence={silence} changed={answer.refresh} />
            ))}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function SilenceLine({ silence, changed }: { silence: Silence; changed: () => void }) {
  const action = useAction();
  const end = async () => {
    const call = { path: `alerts/silences/${silence.id}`, method: 'DELETE' as const, done: 'The silence has ended' };
    if ((await action.run(call)) !== undefined) changed();
  };
  return (
    <p class="aside">
      Silenced until {formatTime(silence.endsAt)}: <b>{silence.key ?? silence.rule}</b>, {silence.reason}
      {silence.createdBy && ` (${silence.createdBy})`}{' '}
      <button type="button" class="small" disabled={action.busy} onClick={() => void end()}>
        End it
      </button>
      {action.problem && <span class="problem">{action.problem}</span>}
    </p>
  );
}

import { useState } from 'preact/hooks';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { useAction } from '../../parts/post.ts';
import { type AlertsAnswer, useAlerts } from './firing.tsx';

/** The receivers of alerts, and whether they accept them. */
export function Delivery() {
  const answer = useAlerts();
  const action = useAction();
  const [tested, setTested] = useState<string>();
  const test = async () => {
    const result = (await action.run({ path: 'alerts/test', done: 'The test was sent' })) as
      | { receivers: { name: string; problem?: string | null; error?: string | null }[] }
      | undefined;
    if (!result) return;
    const lines = result.receivers.map(({ name, problem, error }) => `${name}: ${problem ?? error ?? 'accepted'}`);
    setTested(lines.join('; ') || 'There is no receiver.');
  };
  return (
    <Panel
      id="deliveries"
      title="Delivery"
      wide
      from={answer}
      note={
        <button type="button" class="small" disabled={action.busy} onClick={() => void test()}>
          Send a test
        </button>
      }
    >
      {(action.problem ?? tested) && <p class={action.problem ? 'problem' : 'hint'}>{action.problem ?? tested}</p>}
      <Loaded from={answer}>
        {({ receivers, delivering, heartbeat }) => (
          <>
            {!delivering && <p class="hint">Another instance of the metrics service tells the receivers.</p>}
            {receivers.length === 0 && (
              <Empty>
                Nobody is told of alerts: set METRICS_ALERT_SLACK_URLS or METRICS_ALERT_WEBHOOK_URLS. They are rows of{' '}
                <code>tidemark.alerts</code> and messages of <code>alerts.&gt;</code> all the same.
              </Empty>
            )}
            <ul class="plain">
              {receivers.map((receiver) => (
                <Receiver key={receiver.name} receiver={receiver} />
              ))}
              {heartbeat && (
                <li>
                  Heartbeat of {heartbeat.host}: {heartbeat.error ?? 'accepted'}
                </li>
              )}
            </ul>
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function Receiver({ receiver: { name, host, waiting, error } }: { receiver: AlertsAnswer['receivers'][number] }) {
  return (
    <li class={error ? 'bad-text' : undefined}>
      <b>{name}</b> at {host}: {error ?? 'accepts alerts'}
      {waiting > 0 && `, ${waiting} wait`}
    </li>
  );
}

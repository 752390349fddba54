import type { HealthAnswer } from '../../src/health/answer.ts';
import { useCurrentTime } from './connection.tsx';
import type { ConnectionState } from './live/connection-state.ts';
import { formatTime } from './quantities.tsx';

export function Status(props: { state: ConnectionState; health: HealthAnswer | null; retry: () => void }) {
  const { state, health } = props;
  return (
    <section class="status" aria-label="Status">
      <Lost state={state} at={health?.at ?? null} retry={props.retry} />
      {!health && state.is !== 'waiting' && <p class="calm">Connecting to the metrics service …</p>}
      {health && health.findings.length === 0 && <p class="calm">{okText(health)}</p>}
      {health && health.findings.length > 0 && (
        <ul class="reasons">
          {health.findings
            .filter(({ root }) => root === null)
            .map((finding) => (
              <Finding key={finding.key} finding={finding} findings={health.findings} />
            ))}
        </ul>
      )}
    </section>
  );
}

type Finding = HealthAnswer['findings'][number];

function Finding({ finding, findings }: { finding: Finding; findings: readonly Finding[] }) {
  const { key, severity, message, hint } = finding;
  const consequences = findings.filter(({ root }) => root === key);
  return (
    <li class={severity}>
      <strong>{severity === 'down' ? 'Down' : 'Degraded'}</strong>
      <div>
        <p>{sentence(message)}</p>
        <p class="hint">{hint}</p>
        {finding.do.map(({ sql, effect, risk }) => (
          <p key={sql} class="hint">
            <code>{sql}</code> {effect} {risk}
          </p>
        ))}
        {consequences.length > 0 && (
          <details>
            <summary>{`${consequences.length} ${consequences.length === 1 ? 'consequence' : 'consequences'}`}</summary>
            {consequences.map(({ key, message }) => (
              <p key={key}>{sentence(message)}</p>
            ))}
          </details>
        )}
      </div>
    </li>
  );
}

function Lost({ state, at, retry }: { state: ConnectionState; at: number | null; retry: () => void }) {
  const lost = state.is === 'waiting' || (state.is === 'connecting' && state.lostSince !== null);
  const now = useCurrentTime(lost);
  if (!lost || state.lostSince === null) return null;
  const seconds = (ms: number) => `${Math.max(0, Math.round(ms / 1_000))} s`;
  return (
    <div class="lost" role="alert">
      <p>
        <strong>The connection to the metrics service is lost</strong>
        {state.reason && `: ${state.reason}`}.{at !== null && ` The figures below are from ${formatTime(at)}.`}
      </p>
      <p class="hint">
        <span aria-hidden="true">
          {`Silent for ${seconds(now - state.lostSince)}. `}
          {state.is === 'waiting' ? `Trying again in ${seconds(state.retryAt - now)}.` : 'Trying now …'}
        </span>{' '}
        {state.is === 'waiting' && (
          <button type="button" onClick={retry}>
            Try now
          </button>
        )}
      </p>
    </div>
  );
}

function okText({ instances }: HealthAnswer): string {
  const services = new Set(instances.map(({ service }) => service)).size;
  return `${instances.length} ${instances.length === 1 ? 'instance' : 'instances'} of ${services} ${services === 1 ? 'service' : 'services'} report; nothing is over its limit.`;
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

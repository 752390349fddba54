/** The first thing on the page: the worst finding, that nothing is wrong, or that it cannot be known. */
import type { TopicValues } from '../../../../src/stream/topics.ts';
import { Link, setParams, useAddress } from '../../address/router.tsx';
import { useConnection, useTopic } from '../../live/session.ts';
import { useAnswer } from '../../live/use-answer.ts';
import { format } from '../../quantities.tsx';
import { FindingCard } from './finding-card.tsx';

export function Verdict() {
  const received = useTopic('findings');
  const { params } = useAddress();
  const { is } = useConnection();
  if (!received) return <p class="verdict">Waiting for the first figures …</p>;
  const { findings, unknown } = received.value;
  const roots = findings.filter(({ root }) => root === null);
  const [first, ...others] = [...roots].sort(
    (a, b) => Number(b.key === params.finding) - Number(a.key === params.finding),
  );
  if (!first) {
    if (is !== 'live') return <p class="verdict unknown">Whether something is wrong now is unknown.</p>;
    return unknown.length > 0 ? <Blind unknown={unknown} /> : <Well />;
  }
  return (
    <div class="verdicts">
      <FindingCard key={first.key} finding={first} findings={findings} />
      {others.length > 0 && (
        <nav class="others" aria-label="Other problems">
          {others.map(({ key, severity, message }) => (
            <button key={key} type="button" data-row="" class={severity} onClick={() => setParams({ finding: key })}>
              {message}
            </button>
          ))}
        </nav>
      )}
      {unknown.length > 0 && <p class="hint">{blindText(unknown)}</p>}
    </div>
  );
}

function Well() {
  const [next] = useTopic('capacity')?.value ?? [];
  const { value } = useAnswer<{ advice: unknown[] }>('database/advice', { everyMs: 60_000 });
  const advice = value?.advice.length ?? 0;
  return (
    <p class="verdict ok">
      <strong>Nothing is wrong.</strong>{' '}
      {next && (
        <>
          Next to give way: {next.name}, at {format(next.utilization, 'percent')}.{' '}
        </>
      )}
      {advice > 0 && (
        <Link page="database" params={{ section: 'advice' }}>
          {advice} {advice === 1 ? 'piece' : 'pieces'} of advice on indexes ▸
        </Link>
      )}
    </p>
  );
}

type Unknown = TopicValues['findings']['unknown'];

function Blind({ unknown }: { unknown: Unknown }) {
  return (
    <p class="verdict unknown">
      <strong>Nothing is found, but not everything can be seen.</strong> {blindText(unknown)}
    </p>
  );
}

function blindText(unknown: Unknown): string {
  const reasons = [...new Set(unknown.map(({ why }) => why))];
  const rules = unknown.length === 1 ? 'One rule' : `${unknown.length} rules`;
  return `${rules} cannot find anything now: ${reasons.join('; ')}.`;
}

/** One finding: what it is, who suffers, how we know, and what to do. */
import type { TimelineEvent } from '../../../../src/timeline/timeline.ts';
import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Since } from '../../parts/age.tsx';
import { format, formatTime, type Unit } from '../../quantities.tsx';
import { evidenceOf, type Finding } from './evidence.ts';
import { Remedies } from './remedies.tsx';
import { Sufferers } from './sufferers.tsx';

const UNITS: Record<string, Unit> = {
  ms: 'ms',
  bytes: 'bytes',
  ratio: 'percent',
  count: 'count',
  'per second': 'perSecond',
};

export function FindingCard({ finding, findings }: { finding: Finding; findings: readonly Finding[] }) {
  const consequences = findings.filter(({ root }) => root === finding.key);
  const evidence = evidenceOf(finding);
  return (
    <article class={`finding ${finding.severity}`} aria-labelledby="finding-title">
      <dl class="answers">
        <div>
          <dt>What it is</dt>
          <dd>
            <h2 id="finding-title">{sentence(finding.message)}</h2>
            <p class="hint">
              For <Since since={finding.since} />, since {formatTime(finding.since)} · rule {finding.rule}
            </p>
          </dd>
        </div>
        <div>
          <dt>Who suffers</dt>
          <dd>
            <Sufferers finding={finding} consequences={consequences} />
          </dd>
        </div>
        <div>
          <dt>How we know</dt>
          <dd>
            <Measured finding={finding} />{' '}
            <Link page={evidence.page} params={evidence.params} row>
              See {evidence.text} ▸
            </Link>
            {finding.ruledOut.length > 0 && (
              <p class="ruled-out">
                <b>Not:</b>{' '}
                {finding.ruledOut.map(({ rule, why }) => (
                  <span key={rule} title={rule}>
                    {why}
                  </span>
                ))}
              </p>
            )}
          </dd>
        </div>
        <div>
          <dt>What to do</dt>
          <dd>
            <Remedies finding={finding} />
          </dd>
        </div>
      </dl>
      <footer>
        <Consequences consequences={consequences} />
        <Before finding={finding} />
        <History finding={finding} />
      </footer>
    </article>
  );
}

function Measured({ finding: { measured, limit, unit } }: { finding: Finding }) {
  if (measured === null) return null;
  const shown = UNITS[unit ?? ''] ?? 'count';
  return (
    <span>
      Measured <b>{format(measured, shown)}</b>
      {limit !== null && <>, the limit is {format(limit, shown)}</>}.
    </span>
  );
}

function Consequences({ consequences }: { consequences: readonly Finding[] }) {
  if (consequences.length === 0) return <span>No consequences found</span>;
  return (
    <details>
      <summary>
        {consequences.length} {consequences.length === 1 ? 'consequence' : 'consequences'}
      </summary>
      <ul>
        {consequences.map(({ key, message }) => (
          <li key={key}>{sentence(message)}</li>
        ))}
      </ul>
    </details>
  );
}

function Before({ finding: { events } }: { finding: Finding }) {
  if (events.length === 0) return <span>Nothing changed in the 10 min before</span>;
  return (
    <details>
      <summary>
        {events.length} {events.length === 1 ? 'event' : 'events'} in the 10 min before
      </summary>
      <ul>
        {events.map(({ at, type, message }) => (
          <li key={`${at} ${type} ${message}`}>
            <time>{formatTime(at)}</time> {message}
          </li>
        ))}
      </ul>
    </details>
  );
}

const WEEK_MS = 7 * 86_400_000;
const EVERY_MS = 60_000;

/** How often the same problem began in the last week. */
function History({ finding }: { finding: Finding }) {
  const from = Math.floor((Date.now() - WEEK_MS) / EVERY_MS) * EVERY_MS;
  const { value } = useAnswer<{ events: TimelineEvent[] }>(`events?from=${from}&type=alert.began&limit=2000`, {
    everyMs: EVERY_MS,
  });
  const times = value?.events.filter(({ subject }) => subject === finding.key).length ?? 0;
  if (times < 2) return null;
  return <Link page="incidents">{times} times this week</Link>;
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

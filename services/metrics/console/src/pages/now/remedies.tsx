import { useState } from 'preact/hooks';
import { Confirm } from '../../parts/confirm.tsx';
import { CopyButton } from '../../parts/copy.tsx';
import { useAction } from '../../parts/post.ts';
import type { Finding } from './evidence.ts';

const SILENCE_MINUTES = 60;

export function Remedies({ finding }: { finding: Finding }) {
  const action = useAction();
  const [done, setDone] = useState<string>();
  const carryOut = async (token: string) => {
    const answer = await action.run({ path: 'findings/actions', body: { token }, done: 'The remedy was carried out' });
    if (answer !== undefined) setDone('Carried out.');
  };
  const silence = async () => {
    const body = { key: finding.key, minutes: SILENCE_MINUTES, reason: 'silenced in the console' };
    const answer = await action.run({ path: 'alerts/silences', body, done: 'Silenced for an hour' });
    if (answer !== undefined) setDone('Silenced for an hour; the end of the problem is told all the same.');
  };
  return (
    <>
      {finding.do.map(({ sql, effect, risk, token }, index) => (
        <div key={sql} class="remedy">
          <span class="step">{index === 0 ? 'now' : 'then'}</span>
          <div>
            <code title={sql}>{sql}</code>
            <p class="hint">
              {effect} {risk}
            </p>
          </div>
          <span class="buttons">
            <CopyButton text={sql} />
            {token !== null && (
              <Confirm
                label="Carry out"
                sure="Yes, carry it out"
                disabled={action.busy}
                act={() => void carryOut(token)}
              />
            )}
          </span>
        </div>
      ))}
      <p>
        {finding.hint}{' '}
        <span class="hint">
          Runbook: <code>{finding.runbook}</code>
        </span>{' '}
        <Confirm label="Silence" sure="Silence for 1 h" disabled={action.busy} act={() => void silence()} />
      </p>
      {action.problem && <p class="problem">{action.problem}</p>}
      {done && <p class="hint">{done}</p>}
    </>
  );
}

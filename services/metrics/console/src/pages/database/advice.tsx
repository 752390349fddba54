/** Indexes that cost more than they give. */
import { useState } from 'preact/hooks';
import type { IndexAdvice } from '../../../../src/advice/index-advice.ts';
import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { CopyButton, Sql } from '../../parts/copy.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { useAction } from '../../parts/post.ts';
import { format } from '../../quantities.tsx';

interface AdviceAnswer {
  advice: IndexAdvice[];
  why: string | null;
  dismissed: { key: string; reason: string; dismissedBy: string | null }[];
}

export function Advice() {
  const answer = useAnswer<AdviceAnswer>('database/advice', { everyMs: 30_000 });
  const action = useAction();
  const change = async (path: string, method: 'POST' | 'DELETE', body?: unknown) => {
    const done = method === 'POST' ? 'Dismissed' : 'Shown again';
    if ((await action.run({ path, method, body, done })) !== undefined) answer.refresh();
  };
  return (
    <Panel id="advice" title="Advice on indexes" wide from={{ ...answer, maxMs: 120_000 }}>
      {action.problem && <p class="problem">{action.problem}</p>}
      <Loaded from={answer}>
        {({ advice, why, dismissed }) => (
          <>
            {advice.length === 0 && (
              <Empty>No index is invalid, or has a twin{why === null && ', or is unused'}.</Empty>
            )}
            {why !== null && <p class="hint">Nothing is said about unused indexes yet: {why}.</p>}
            <ul class="advice">
              {advice.map((one) => (
                <One
                  key={one.key}
                  advice={one}
                  dismiss={(reason) => void change('database/advice/dismissals', 'POST', { key: one.key, reason })}
                />
              ))}
            </ul>
            {dismissed.length > 0 && (
              <details>
                <summary>{dismissed.length} dismissed</summary>
                <ul class="plain">
                  {dismissed.map(({ key, reason, dismissedBy }) => (
                    <li key={key}>
                      {key}: {reason} {dismissedBy && `(${dismissedBy})`}{' '}
                      <button
                        type="button"
                        class="small"
                        onClick={() => void change(`database/advice/dismissals/${encodeURIComponent(key)}`, 'DELETE')}
                      >
                        Show again
                      </button>
                    </li>
                  ))}
                </ul>
              </details>
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function One({ advice, dismiss }: { advice: IndexAdvice; dismiss: (reason: string) => void }) {
  const [reason, setReason] = useState<string>();
  const { message, bytes, writesPerDay, undo, schema, table } = advice;
  return (
    <li>
      <p>
        <b>{advice.kind}</b>: {message}. {format(bytes, 'bytes')}
        {writesPerDay !== null && `, maintained by ${format(writesPerDay, 'count')} written rows a day`} ·{' '}
        <Link page="database" params={{ table: `${schema}.${table}` }} row>
          the table ▸
        </Link>
      </p>
      {advice.do.map(({ sql, effect, risk }) => (
        <div key={sql}>
          <Sql text={sql} />
          <p class="hint">
            {effect} {risk}
          </p>
        </div>
      ))}
      <div class="buttons">
        {undo !== null && <CopyButton text={undo} what="undo" />}
        {reason === undefined ? (
          <button type="button" class="small" onClick={() => setReason('')}>
            Dismiss …
          </button>
        ) : (
          <form
            class="controls"
            onSubmit={(event) => {
              event.preventDefault();
              dismiss(reason);
            }}
          >
            <label>
              Why <input required value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
            </label>
            <button type="submit" class="small">
              Dismiss
            </button>
          </form>
        )}
      </div>
    </li>
  );
}

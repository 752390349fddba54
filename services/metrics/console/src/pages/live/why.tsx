/** Why did this client get a row, or not? Asked for a subscription and the key of the row. */
import type { LiveExplained, LiveWhy } from '@tidemark/contracts';
import { useState } from 'preact/hooks';
import { setParams, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Panel } from '../../parts/panel.tsx';
import { formatTime } from '../../quantities.tsx';
import { Steps } from './steps.tsx';

export function Why({ sub }: { sub: string | undefined }) {
  const { params } = useAddress();
  const [name, setName] = useState(sub ?? '');
  const [table, setTable] = useState(params.of ?? '');
  const [rowKey, setRowKey] = useState(params.key ?? '');
  const asked =
    sub && params.of && params.key ? new URLSearchParams({ sub, table: params.of, key: params.key }) : undefined;
  const answer = useAnswer<LiveWhy>(asked && `live/why?${asked}`, { everyMs: 10_000 });
  return (
    <Panel id="why" title="Why did this client get a row, or not?" wide>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          setParams({ sub: name.trim(), of: table.trim(), key: rowKey.trim() });
          answer.refresh();
        }}
      >
        <Field label="Subscription" value={name} set={setName} placeholder="realtime-1/12/s1" wide />
        <Field label="Table" value={table} set={setTable} placeholder="commentary" />
        <Field label="Primary key" value={rowKey} set={setRowKey} placeholder="17" />
        <button type="submit">Ask</button>
      </form>
      {answer.problem && <p class="problem">{answer.problem}</p>}
      {answer.value && <Answer why={answer.value} />}
    </Panel>
  );
}

function Field(props: {
  label: string;
  value: string;
  set: (value: string) => void;
  placeholder: string;
  wide?: boolean;
}) {
  return (
    <label class={props.wide ? 'wide-field' : undefined}>
      {props.label}{' '}
      <input
        required
        autocomplete="off"
        spellcheck={false}
        placeholder={props.placeholder}
        value={props.value}
        onInput={(event) => props.set(event.currentTarget.value)}
      />
    </label>
  );
}

function Answer({ why }: { why: LiveWhy }) {
  return (
    <>
      <p class="hint">
        <code>{why.query}</code>, read by {why.user ?? 'nobody in particular'} ({why.role})
        {why.rowSecurity ? ', whose policies decide' : ', for whom no policy applies'}.
      </p>
      {why.changes.length === 0 && (
        <Empty>
          The instance keeps no change of this row: none came in the last two minutes, or the key is another one.
        </Empty>
      )}
      {why.changes.map((change) => (
        <Change key={change.position} change={change} />
      ))}
    </>
  );
}

function Change({ change }: { change: LiveExplained }) {
  const { outcome, because } = change;
  const sent = outcome.startsWith('sent') || outcome === 'in the window now';
  return (
    <section class="change" aria-label={`${change.type} at ${change.position}`}>
      <h3 class={sent ? 'good-text' : 'warn-text'}>
        {change.type}, committed {formatTime(change.committedAt)}: {outcome}
        {because !== null && ` – ${because}`}
      </h3>
      <Steps steps={change.steps} />
      <p class="hint">
        At <code>{change.position}</code>
      </p>
    </section>
  );
}

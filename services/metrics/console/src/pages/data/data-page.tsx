/** Any table, live, beside its query string: the same string as that of GET /rest/v1/ and of a subscription. */
import { useState } from 'preact/hooks';
import { setParams, useAddress } from '../../address/router.tsx';
import { LookAs, useEyes } from '../../eyes/eyes.tsx';
import { CopyButton } from '../../parts/copy.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Answered } from './answered.tsx';
import { QueryForm } from './query-form.tsx';
import { Rows } from './rows.tsx';
import { useLiveRows } from './use-live-rows.ts';

export function DataPage() {
  const { params } = useAddress();
  const eyes = useEyes();
  const { query, schema = 'public' } = params;
  const [answered, setAnswered] = useState(0);
  const rows = useLiveRows(query === undefined ? undefined : { query, schema, token: eyes.token, attempt: answered });
  return (
    <div class="panels">
      <Panel id="query" title="Query" wide note={<LookAs why="whose rows are shown" />}>
        <QueryForm
          key={`${schema} ${query}`}
          query={query ?? ''}
          schema={schema}
          ask={(asked) => {
            setParams(asked);
            setAnswered((n) => n + 1);
          }}
        />
        {query !== undefined && (
          <>
            <Answered query={query} schema={schema} eyes={eyes} attempt={answered} />
            <p class="hint">
              <code>GET /rest/v1/{query}</code> <CopyButton text={`/rest/v1/${query}`} what="path" />
            </p>
          </>
        )}
      </Panel>
      {query !== undefined && <Rows rows={rows} />}
    </div>
  );
}

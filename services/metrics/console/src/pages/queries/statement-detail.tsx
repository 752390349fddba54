import { Link } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Sql } from '../../parts/copy.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { Plan } from './plan.tsx';
import type { StatementsAnswer } from './statements.tsx';

interface OfServices {
  id: string;
  text: string;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  waitP99Ms: number;
  errorsTotal: number;
  slowTotal: number;
  instances: string[];
}

/** One statement: its figures in Postgres, in our services, its plan, and the routes that run it. */
export function StatementDetail({ id }: { id: string }) {
  const answer = useAnswer<StatementsAnswer>('queries/servers?limit=200&own=true');
  const stats = useAnswer<{ statements: OfServices[] }>('queries/stats?limit=200');
  return (
    <Panel id="statement" title="Statement" wide from={answer}>
      <Loaded from={answer}>
        {({ statements }) => {
          const found = statements.find((one) => one.id === id);
          if (!found) return <Empty>It has not been among the statements of the last 15 minutes: {id}</Empty>;
          const own = stats.value?.statements.find((one) => found.fingerprints.includes(one.id));
          return (
            <>
              <Sql text={found.text} />
              <Figures>
                <Figure name="Time share" value={found.share} unit="percent" />
                <Figure name="Mean" value={found.meanMs} unit="ms" />
                <Figure name="Longest" value={found.maxMs} unit="ms" />
                <Figure name="Calls" value={found.calls} unit="count" />
                <Figure name="Rows" value={found.rows} unit="count" />
                <Figure name="In memory" value={found.bufferHits} unit="percent" />
                <Figure name="p50" value={own?.p50Ms} unit="ms" />
                <Figure name="p99" value={own?.p99Ms} unit="ms" />
                <Figure name="Wait p99" value={own?.waitP99Ms} unit="ms" />
                <Figure name="Temporary blocks" value={found.tempBlocks} unit="count" />
                <Figure name="WAL" value={found.walBytes} unit="bytes" />
              </Figures>
              <Facts
                facts={[
                  [
                    'Relation',
                    found.relation && (
                      <Link page="database" params={{ table: found.relation }}>
                        {found.relation}
                      </Link>
                    ),
                  ],
                  ['Role', found.role],
                  ['Servers', found.servers.join(', ')],
                  ['Query id', found.id],
                  ['Run by', own?.instances.join(', ')],
                  ['Routes', own && <RoutesOf text={own.text} />],
                ]}
              />
              <Plan query={found.text} fingerprint={own?.id} />
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

/** The routes among the newest statements of all instances that ran this one. */
function RoutesOf({ text }: { text: string }) {
  const { value } = useAnswer<{ statements: { text: string; route?: string }[] }>('queries/recent?limit=200', {
    everyMs: 15_000,
  });
  // Texts of the figures are shorter than those of the list.
  const same = value?.statements.filter((one) => one.text.startsWith(text.slice(0, 290))) ?? [];
  const routes = [...new Set(same.flatMap(({ route }) => route ?? []))];
  if (routes.length === 0) return <span class="hint">none of the newest statements</span>;
  return (
    <>
      {routes.map((route, index) => (
        <span key={route}>
          {index > 0 && ', '}
          <Link page="requests" params={{ route }}>
            {route}
          </Link>
        </span>
      ))}
    </>
  );
}

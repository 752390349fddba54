import { useState } from 'preact/hooks';
import type { Analysis } from '../../../../src/analyze/analyzer.ts';
import { LookAs, useEyes } from '../../eyes/eyes.tsx';
import { session } from '../../live/session.ts';
import { Sql } from '../../parts/copy.tsx';
import { useAction } from '../../parts/post.ts';
import { format } from '../../quantities.tsx';
import { PlanTree } from './plan-tree.tsx';

type Explained = Analysis & { role: string };

/** Explains a statement, by the fingerprint that our services know it by where there is one. */
export function Plan({ query, fingerprint }: { query: string; fingerprint: string | undefined }) {
  const eyes = useEyes();
  const action = useAction();
  const [plan, setPlan] = useState<Explained>();
  const explain = async () => {
    const other = eyes.token === session.token() ? {} : { as: eyes.token };
    const body = { ...(fingerprint === undefined ? { query } : { fingerprint }), ...other };
    const answer = await action.run({ path: 'queries/analyze', body, done: 'The plan is shown' });
    if (answer) setPlan(answer as Explained);
  };
  return (
    <section class="plan" aria-label="Plan">
      <div class="controls">
        <button type="button" data-row="" disabled={action.busy} onClick={() => void explain()}>
          {action.busy ? 'Explaining …' : 'Explain'}
        </button>
        <LookAs why="whose policies the plan has" />
      </div>
      {action.problem && <p class="problem">{action.problem}</p>}
      {plan && (
        <>
          <p class="hint">
            As {plan.role}; {plan.ran ? `run in ${format(plan.ms, 'ms')}` : 'not run: the generic plan'}
            {plan.planMs !== null && `, planned in ${format(plan.planMs, 'ms')}`}.
            {plan.withheld !== null && ` Without figures: ${plan.withheld}.`}
          </p>
          <PlanTree root={plan.plan} />
          <Advice findings={plan.findings} />
        </>
      )}
    </section>
  );
}

function Advice({ findings }: { findings: Analysis['findings'] }) {
  if (findings.length === 0) return <p class="hint">The plan has nothing that the rules object to.</p>;
  return (
    <ul class="advice">
      {findings.map((finding) => (
        <li key={finding.message}>
          <p>
            <b>{finding.kind}</b>: {finding.message}
            {finding.cost && ` Cost ${format(finding.cost.before, 'count')} → ${costAfter(finding.cost.after)}.`}
          </p>
          {finding.do.map(({ sql, effect, risk }) => (
            <div key={sql}>
              <Sql text={sql} />
              <p class="hint">
                {effect} {risk}
              </p>
            </div>
          ))}
        </li>
      ))}
    </ul>
  );
}

const costAfter = (after: number | null) => (after === null ? 'unproved, without hypopg' : format(after, 'count'));

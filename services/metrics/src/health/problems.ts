/** Findings in the form of the API: what it is, who suffers, what was measured, what to do, and what it explains. */
import { type Static, Type } from 'typebox';
import { rootsOf } from './causes.ts';
import { type DatedFinding, type Remedy as FoundRemedy, type Severity, statusOf } from './finding.ts';

const Remedy = Type.Object({
  sql: Type.String({ description: 'can be pasted into psql; does nothing once the process that it names has ended' }),
  effect: Type.String(),
  risk: Type.String(),
  token: Type.Union([Type.String(), Type.Null()], {
    description: 'confirms it in POST findings/actions; null: METRICS_ACTIONS is off, or it must run on another server',
  }),
});

const RuledOut = Type.Object({
  rule: Type.String(),
  why: Type.String({ description: 'measurement that rules it out' }),
});

const Event = Type.Object({
  at: Type.Integer({ description: 'ms since 1970' }),
  type: Type.String({ description: 'as in GET events' }),
  subject: Type.String(),
  message: Type.String(),
});
export type ProblemEvent = Static<typeof Event>;

export const Problem = Type.Object({
  key: Type.String({ description: 'identifies the problem while it lasts' }),
  rule: Type.String({ description: 'the name of the rule, such as lock.blocker; the runbook has the same name' }),
  severity: Type.Union([Type.Literal('degraded'), Type.Literal('down')]),
  since: Type.Integer({ description: 'ms since 1970' }),
  root: Type.Union([Type.String(), Type.Null()], {
    description: 'the key of the problem that explains this one; null if nothing explains it',
  }),
  subject: Type.String({ description: 'the instance, pool, session or replica that it is about' }),
  message: Type.String({ description: 'names the cause' }),
  hint: Type.String({ description: 'what to do about it' }),
  measured: Type.Union([Type.Number(), Type.Null()]),
  limit: Type.Union([Type.Number(), Type.Null()]),
  unit: Type.Union([Type.String(), Type.Null()], { description: 'ms, bytes, ratio, count or per second' }),
  affects: Type.Array(Type.String(), { description: '<service>/<instance>: those that suffer from it' }),
  ruledOut: Type.Array(RuledOut, {
    description: 'possible causes that measurements rule out; empty for a consequence',
  }),
  events: Type.Array(Event, {
    description: 'events of the ten minutes before it, newest first: starts, settings, versions, definitions',
  }),
  do: Type.Array(Remedy),
  runbook: Type.String({ description: 'the file in the repository that says what to look at and what to do' }),
});
export type Problem = Static<typeof Problem>;

export interface Context {
  ruledOut(finding: DatedFinding): Static<typeof RuledOut>[];
  events(finding: DatedFinding): ProblemEvent[];
  token(finding: DatedFinding, remedy: FoundRemedy): string | null;
}

/** Roots first, `down` before `degraded`, each followed by its consequences. A root is as severe as the worst of them. */
export function problemsOf(findings: readonly DatedFinding[], context: Context): Problem[] {
  const roots = rootsOf(findings);
  const ordered: Problem[] = [];
  const groups = findings
    .filter(({ key }) => roots.get(key) === key)
    .map((root) => ({ root, others: findings.filter(({ key }) => key !== root.key && roots.get(key) === root.key) }))
    .map((group) => ({ ...group, severity: statusOf([group.root, ...group.others]) as Severity }))
    .sort((a, b) => Number(b.severity === 'down') - Number(a.severity === 'down'));
  for (const { root, others, severity } of groups) {
    const affects = [...new Set([root, ...others].flatMap((finding) => finding.affects ?? []))];
    ordered.push(problemOf({ ...root, severity, affects }, null, context));
    for (const other of others) ordered.push(problemOf(other, root.key, context));
  }
  return ordered;
}

function problemOf(finding: DatedFinding, root: string | null, context: Context): Problem {
  const { key, rule, severity, since, subject, message, hint } = finding;
  return {
    key,
    rule,
    severity,
    since,
    root,
    subject,
    message,
    hint,
    measured: finding.measured ?? null,
    limit: finding.limit ?? null,
    unit: finding.unit ?? null,
    affects: [...(finding.affects ?? [])],
    ruledOut: root === null ? context.ruledOut(finding) : [],
    events: root === null ? context.events(finding) : [],
    do: (finding.remedies ?? []).map((remedy) => ({
      sql: remedy.sql,
      effect: remedy.effect,
      risk: remedy.risk,
      token: context.token(finding, remedy),
    })),
    runbook: `infra/runbooks/${rule}.md`,
  };
}

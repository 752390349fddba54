/** Findings in the form of the API: what it is, who suffers, what was measured, what to do, and what it explains. */
import { type Static, Type } from 'typebox';
import { rootsOf } from './causes.ts';
import { type DatedFinding, type Severity, statusOf } from './finding.ts';

const Remedy = Type.Object({
  sql: Type.String({ description: 'can be pasted into psql; does nothing once the process that it names has ended' }),
  effect: Type.String(),
  risk: Type.String(),
});

export const Problem = Type.Object({
  key: Type.String({ description: 'identifies the problem while it lasts' }),
  rule: Type.String({ description: 'the name of the rule, such as lock.blocker; the runbook has the same name' }),
  severity: Type.Union([Type.Literal('degraded'), Type.Literal('down')]),
  since: Type.Integer({ description: 'ms since 1970' }),
  root: Type.Union([Type.String(), Type.Null()], {
    description: 'the key of the problem that explains this one; null if nothing explains it',
  }),
  subject: Type.String({ description: 'what it is about: an instance, a pool, a session, a replica' }),
  message: Type.String({ description: 'names the cause' }),
  hint: Type.String({ description: 'what to do about it' }),
  measured: Type.Union([Type.Number(), Type.Null()]),
  limit: Type.Union([Type.Number(), Type.Null()]),
  unit: Type.Union([Type.String(), Type.Null()], { description: 'ms, bytes, ratio, count or per second' }),
  affects: Type.Array(Type.String(), { description: '<service>/<instance>: those that suffer from it' }),
  do: Type.Array(Remedy),
  runbook: Type.String({ description: 'the file in the repository that says what to look at and what to do' }),
});
export type Problem = Static<typeof Problem>;

/** Roots first, `down` before `degraded`, each followed by its consequences. A root is as severe as the worst of them. */
export function problemsOf(findings: readonly DatedFinding[]): Problem[] {
  const roots = rootsOf(findings);
  const ordered: Problem[] = [];
  const groups = findings
    .filter(({ key }) => roots.get(key) === key)
    .map((root) => ({ root, others: findings.filter(({ key }) => key !== root.key && roots.get(key) === root.key) }))
    .map((group) => ({ ...group, severity: statusOf([group.root, ...group.others]) as Severity }))
    .sort((a, b) => Number(b.severity === 'down') - Number(a.severity === 'down'));
  for (const { root, others, severity } of groups) {
    const affects = [...new Set([root, ...others].flatMap((finding) => finding.affects ?? []))];
    ordered.push(problemOf({ ...root, severity, affects }, null));
    for (const other of others) ordered.push(problemOf(other, root.key));
  }
  return ordered;
}

function problemOf(finding: DatedFinding, root: string | null): Problem {
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
    do: [...(finding.remedies ?? [])],
    runbook: `infra/runbooks/${rule}.md`,
  };
}

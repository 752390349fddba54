import fc from 'fast-check';
import t from 'tap';
import { rootsOf } from '../../src/health/causes.ts';
import type { DatedFinding } from '../../src/health/finding.ts';
import { problemsOf } from '../../src/health/problems.ts';
import { RULES, type RuleName } from '../../src/health/rule-names.ts';

function finding(rule: RuleName, changes: Partial<DatedFinding> = {}): DatedFinding {
  const subject = changes.subject ?? rule;
  return {
    rule,
    key: `${rule} ${subject}`,
    severity: 'degraded',
    subject,
    message: rule,
    hint: 'x',
    since: 0,
    ...changes,
  };
}
const gateway = ['gateway/g1'];
const context = { ruledOut: () => [], events: () => [], token: () => null };

const TABLE: [fault: string, root: DatedFinding, consequences: DatedFinding[], others: DatedFinding[]][] = [
  [
    'NATS stopped',
    finding('nats.down', { severity: 'down' }),
    [
      finding('instance.lost', { subject: 'gateway/g1' }),
      finding('service.absent', { subject: 'realtime' }),
      finding('relay.none'),
      finding('stream.full', { subject: 'changes' }),
    ],
    [finding('lock.blocker'), finding('collector.fails', { subject: 'postgres size' })],
  ],
  [
    'Postgres stopped',
    finding('postgres.down', { severity: 'down' }),
    [finding('instance.not_ready', { subject: 'gateway/g1' }), finding('pool.refuses', { affects: gateway })],
    [finding('instance.lost', { subject: 'batch/b1' })],
  ],
  [
    'a realtime instance killed',
    finding('instance.lost', { subject: 'realtime/r1' }),
    [finding('service.absent', { subject: 'realtime' }), finding('relay.none')],
    [finding('service.absent', { subject: 'batch' })],
  ],
  [
    'a table locked by an idle transaction',
    finding('lock.blocker', { affects: gateway }),
    [finding('pool.exhausted', { affects: gateway }), finding('requests.errors', { affects: gateway })],
    [finding('pool.exhausted', { subject: 'other', affects: ['gateway/g2'] })],
  ],
  [
    'a function of three seconds that many call',
    finding('pool.long_statements', { affects: gateway }),
    [
      finding('pool.slow', { affects: gateway }),
      finding('route.slow', { subject: 'POST /rest/v1/rpc/:function (slow)', affects: gateway }),
    ],
    [finding('replica.lag')],
  ],
  [
    'an index that was dropped',
    finding('index.dropped', { subject: 'public.orders' }),
    [
      finding('route.slow', { subject: 'GET /rest/v1/:table (orders)' }),
      finding('statement.slower', { subject: '1a' }),
    ],
    [finding('route.slow', { subject: 'GET /rest/v1/:table (teams)' })],
  ],
  [
    'a function that fails',
    finding('route.sqlstate', { affects: gateway }),
    [finding('requests.errors', { affects: gateway }), finding('requests.failing', { affects: gateway })],
    [],
  ],
  [
    'connections that are never released',
    finding('pool.leaks', { affects: gateway }),
    [finding('pool.exhausted', { affects: gateway })],
    [finding('replica.lag')],
  ],
];

for (const [fault, root, consequences, others] of TABLE) {
  t.test(`${fault}: one root, with its consequences below it`, async (t) => {
    const findings = [...consequences, ...others, root];
    const roots = rootsOf(findings);
    for (const { key } of consequences) t.equal(roots.get(key), root.key, key);
    for (const { key } of [root, ...others]) t.equal(roots.get(key), key, `${key} is a root`);
    const problems = problemsOf(findings, context);
    const at = problems.findIndex(({ key }) => key === root.key);
    t.same(
      problems.slice(at + 1, at + 1 + consequences.length).map((problem) => problem.root),
      consequences.map(() => root.key),
    );
    t.equal(problems.length, findings.length, 'none is left out');
  });
}

t.test('a root is as severe as the worst of its consequences', async (t) => {
  const findings = [
    finding('service.absent', { subject: 'gateway', severity: 'down' }),
    finding('instance.lost', { subject: 'gateway/g1' }),
  ];
  const [first] = problemsOf(findings, context);
  t.match(first, { rule: 'instance.lost', severity: 'down', root: null });
});

t.test('each finding has a root, and the root of a root is itself', async () => {
  const anyFinding = fc.record({
    rule: fc.constantFrom(...(Object.keys(RULES) as RuleName[])),
    subject: fc.constantFrom('gateway/g1', 'realtime/r1', 'gateway', 'realtime', 'nats'),
    affects: fc.subarray(['gateway/g1', 'realtime/r1']),
  });
  const findings = fc.uniqueArray(anyFinding, { selector: ({ rule, subject }) => `${rule} ${subject}`, maxLength: 12 });
  fc.assert(
    fc.property(findings, (list) => {
      const dated = list.map(({ rule, ...rest }) => finding(rule, rest));
      const roots = rootsOf(dated);
      return dated.every(({ key }) => {
        const root = roots.get(key);
        return root !== undefined && roots.get(root) === root;
      });
    }),
  );
});

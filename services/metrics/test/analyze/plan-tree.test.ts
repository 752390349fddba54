import fc from 'fast-check';
import t from 'tap';
import { type PlanNode, planTree, type RawNode } from '../../src/analyze/plan-tree.ts';

const raw = (type: string, ms: number, loops: number, Plans: RawNode[] = [], more: Partial<RawNode> = {}): RawNode => ({
  'Node Type': type,
  'Plan Rows': 1,
  'Total Cost': 1,
  'Actual Total Time': ms,
  'Actual Rows': 1,
  'Actual Loops': loops,
  Plans,
  ...more,
});
const nodes = (node: PlanNode): PlanNode[] => [node, ...node.children.flatMap(nodes)];
const tree = (node: RawNode, figures = true) => planTree(node, figures, (condition) => condition);

t.test('counts the time of a node over its loops, and its own without that below', async (t) => {
  const loop = tree(raw('Nested Loop', 100, 1, [raw('Seq Scan', 10, 1), raw('Index Scan', 0.05, 1_000)]));
  t.match(loop, {
    ms: 100,
    selfMs: 40,
    children: [
      { ms: 10, selfMs: 10 },
      { ms: 50, loops: 1_000 },
    ],
  });
});

t.test('processes below Gather run at the same time', async (t) => {
  const gather = tree(raw('Gather', 50, 1, [raw('Parallel Seq Scan', 45, 3)], { 'Workers Launched': 2 }));
  t.match(gather, { selfMs: 5, children: [{ ms: 45, selfMs: 45 }] });
});

t.test('the time of a CTE is not counted in its scan again', async (t) => {
  const cte = raw('Seq Scan', 30, 1, [], { 'Subplan Name': 'CTE a' });
  const scan = raw('CTE Scan', 32, 1, [], { 'CTE Name': 'a' });
  t.match(tree(raw('Aggregate', 40, 1, [cte, scan])), { selfMs: 8, children: [{ ms: 30 }, { ms: 2, selfMs: 2 }] });
});

t.test('times of nodes are never negative, and add up to the whole', async () => {
  const { node } = fc.letrec<{ node: RawNode }>((tie) => ({
    node: fc
      .tuple(
        fc.double({ min: 0, max: 1_000, noNaN: true }),
        fc.nat(5),
        fc.option(fc.nat(4)),
        fc.oneof({ maxDepth: 4 }, fc.constant<RawNode[]>([]), fc.array(tie('node'), { maxLength: 3 })),
      )
      .map(([ms, loops, workers, plans]) =>
        raw('Any', ms, loops, plans, workers === null ? {} : { 'Workers Launched': workers }),
      ),
  }));
  fc.assert(
    fc.property(node, (given) => {
      const root = tree(given);
      const all = nodes(root);
      const sum = all.reduce((total, { selfMs }) => total + (selfMs ?? 0), 0);
      return (
        all.every(({ selfMs }) => (selfMs ?? 0) >= 0) && Math.abs(sum - (root.ms ?? 0)) <= 1e-6 + (root.ms ?? 0) * 0.01
      );
    }),
  );
});

t.test('shows only the shape of the plan where figures are withheld', async (t) => {
  const shape = tree(raw('Seq Scan', 10, 1, [], { 'Relation Name': 'Odd name', Schema: 'public' }), false);
  t.match(shape, { relation: 'public."Odd name"', rows: null, cost: null, loops: null, ms: null, selfMs: null });
});

import type { PlanNode } from '../../../../src/analyze/plan-tree.ts';
import { Link } from '../../address/router.tsx';
import { Meter } from '../../parts/figures.tsx';
import { format } from '../../quantities.tsx';

/** The bar of a node is its own part of the time, or of the cost where it was not run. */
export function PlanTree({ root }: { root: PlanNode }) {
  const total = root.ms ?? root.cost ?? 0;
  return (
    <ul class="plan-tree">
      <Node node={root} total={total} timed={root.ms !== null} />
    </ul>
  );
}

function Node({ node, total, timed }: { node: PlanNode; total: number; timed: boolean }) {
  const own = timed ? node.selfMs : ownCost(node);
  const { relation, rows } = node;
  return (
    <li>
      <div class="plan-node">
        <span>
          <b>{node.node}</b>{' '}
          {relation !== null && (
            <Link page="database" params={{ table: relation }}>
              {relation}
            </Link>
          )}
          {node.index !== null && <span class="hint"> by {node.index}</span>}
        </span>
        <span class="gauge">
          {own !== null && total > 0 && <Meter share={own / total} label={`Own part of ${node.node}`} />}
          <span>{timed ? format(node.selfMs, 'ms') : node.cost === null ? '' : `cost ${format(own, 'count')}`}</span>
        </span>
        <span class="hint">
          {rows &&
            `${format(rows.actual ?? rows.estimated, 'count')} rows${rows.actual === null ? ' estimated' : `, ${format(rows.estimated, 'count')} estimated`}`}
          {node.loops !== null && node.loops > 1 && ` × ${node.loops}`}
        </span>
        {node.conditions.length > 0 && <code>{node.conditions.join(' and ')}</code>}
      </div>
      {node.children.length > 0 && (
        <ul>
          {node.children.map((child, index) => (
            <Node key={index} node={child} total={total} timed={timed} />
          ))}
        </ul>
      )}
    </li>
  );
}

function ownCost({ cost, children }: PlanNode): number | null {
  if (cost === null) return null;
  return Math.max(0, cost - children.reduce((sum, child) => sum + (child.cost ?? 0), 0));
}

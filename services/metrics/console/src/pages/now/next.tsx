import type { Resource } from '../../../../src/health/capacity.ts';
import type { Params } from '../../address/address.ts';
import type { PageName } from '../../address/pages.ts';
import { Link } from '../../address/router.tsx';
import { useTopic } from '../../live/session.ts';
import { Meter } from '../../parts/figures.tsx';
import { Empty, Panel } from '../../parts/panel.tsx';
import { format } from '../../quantities.tsx';

const MAX_SHOWN = 5;
const toneOf = (share: number) => (share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : undefined);

function placeOf({ name }: Resource): { page: PageName; params: Params } {
  const instance = / of (\S+\/\S+)$/.exec(name)?.[1];
  if (/^(pool|queue|connections)/.test(name)) return { page: 'database', params: { section: 'pools' } };
  if (name.startsWith('WAL')) return { page: 'database', params: { section: 'wal' } };
  if (name.startsWith('worker') || name.startsWith('decoded')) return { page: 'jobs', params: {} };
  return { page: 'processes', params: { instance } };
}

/** The resources that are nearest to their limits. */
export function Next() {
  const received = useTopic('capacity');
  const resources = received?.value.slice(0, MAX_SHOWN) ?? [];
  return (
    <Panel id="next" title="Next to give way" from={{ at: received?.at, maxMs: 60_000 }}>
      {received && resources.length === 0 && <Empty>No instance reports what it uses.</Empty>}
      <ul class="meters">
        {resources.map((resource) => (
          <li key={resource.name}>
            <Link {...placeOf(resource)} row>
              {resource.name}
            </Link>
            <Meter share={resource.utilization} label={resource.name} tone={toneOf(resource.utilization)} />
            <span class="number">{format(resource.utilization, 'percent')}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

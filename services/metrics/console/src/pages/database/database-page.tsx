import { useEffect } from 'preact/hooks';
import { setParams, useAddress } from '../../address/router.tsx';
import { Advice } from './advice.tsx';
import { Overview } from './overview.tsx';
import { Pools } from './pools.tsx';
import { Sessions } from './sessions.tsx';
import { TableDetail } from './table-detail.tsx';
import { Tables } from './tables.tsx';
import { Wal } from './wal.tsx';

const SECTIONS = ['pools', 'sessions', 'wal', 'tables', 'advice'];

export function DatabasePage() {
  const { section, table } = useAddress().params;
  // An address may name the part of the page that it is about.
  useEffect(() => {
    if (section === undefined || !SECTIONS.includes(section)) return;
    document.getElementById(section)?.scrollIntoView({ block: 'start' });
  }, [section]);
  return (
    <>
      <nav class="sections" aria-label="Parts of the page">
        {SECTIONS.map((name) => (
          <button
            key={name}
            type="button"
            class="small"
            aria-pressed={name === section}
            onClick={() => setParams({ section: name }, { replace: true })}
          >
            {name === 'wal' ? 'WAL' : name}
          </button>
        ))}
      </nav>
      <div class="panels">
        {table !== undefined && <TableDetail name={table} />}
        <Overview />
        <Pools />
        <Sessions />
        <Wal />
        <Tables />
        <Advice />
      </div>
    </>
  );
}

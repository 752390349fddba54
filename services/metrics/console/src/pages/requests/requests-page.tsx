import { useAddress } from '../../address/router.tsx';
import { RecordDetail } from './record-detail.tsx';
import { Records } from './records.tsx';
import { RouteDetail } from './route-detail.tsx';
import { Routes } from './routes.tsx';
import { Traffic } from './traffic.tsx';

export function RequestsPage() {
  const { params } = useAddress();
  const { id, route, table } = params;
  return (
    <div class="panels">
      {id !== undefined && <RecordDetail id={id} />}
      {route !== undefined && <RouteDetail route={route} table={table ?? null} />}
      <Routes selected={route === undefined ? undefined : `${route} ${table ?? ''}`} />
      <Records route={route} table={table} />
      <Traffic />
    </div>
  );
}

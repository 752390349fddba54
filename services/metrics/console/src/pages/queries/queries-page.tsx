import { useAddress } from '../../address/router.tsx';
import { Digest } from './digest.tsx';
import { Recorded } from './recorded.tsx';
import { StatementDetail } from './statement-detail.tsx';
import { Statements } from './statements.tsx';

export function QueriesPage() {
  const { params } = useAddress();
  return (
    <div class="panels">
      {params.statement !== undefined && <StatementDetail key={params.statement} id={params.statement} />}
      <Statements />
      <Recorded />
      <Digest />
    </div>
  );
}

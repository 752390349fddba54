import { useAddress } from '../../address/router.tsx';
import { Delivery } from './delivery.tsx';
import { Subscriptions } from './subscriptions.tsx';
import { Why } from './why.tsx';

export function LivePage() {
  const { sub } = useAddress().params;
  return (
    <div class="panels">
      <Delivery />
      <Why key={sub} sub={sub} />
      <Subscriptions />
    </div>
  );
}

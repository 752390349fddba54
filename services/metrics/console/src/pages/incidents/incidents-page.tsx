import { Delivery } from './delivery.tsx';
import { Events } from './events.tsx';
import { Firing } from './firing.tsx';
import { Past } from './past.tsx';
import { Rules } from './rules.tsx';

export function IncidentsPage() {
  return (
    <div class="panels">
      <Firing />
      <Past />
      <Delivery />
      <Events />
      <Rules />
    </div>
  );
}

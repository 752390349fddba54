import { Link } from '../../address/router.tsx';
import { useTopic } from '../../live/session.ts';
import { Empty, Panel } from '../../parts/panel.tsx';
import { formatTime } from '../../quantities.tsx';

const MAX_SHOWN = 6;

/** Starts, crashes, settings and definitions; alerts are on the page of incidents. */
export function Changed() {
  const received = useTopic('events');
  const events = (received?.value ?? []).filter(({ type }) => !type.startsWith('alert.'));
  return (
    <Panel id="changed" title="Changed" note={<Link page="incidents">all events ▸</Link>}>
      {received && events.length === 0 && <Empty>Nothing has changed since the metrics service knows.</Empty>}
      <ul class="events">
        {events
          .slice(-MAX_SHOWN)
          .reverse()
          .map(({ id, at, message }) => (
            <li key={id}>
              <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time>
              <span title={message}>{message}</span>
            </li>
          ))}
      </ul>
    </Panel>
  );
}

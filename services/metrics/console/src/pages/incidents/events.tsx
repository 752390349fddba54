import type { TimelineEvent } from '../../../../src/timeline/timeline.ts';
import { setParams, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { VirtualRows } from '../../parts/virtual-rows.tsx';

const MAX_SHOWN = 500;

export function Events() {
  const { filter = '' } = useAddress().params;
  const answer = useAnswer<{ events: TimelineEvent[] }>(`events?limit=${MAX_SHOWN}`, { everyMs: 5_000 });
  const word = filter.toLowerCase();
  return (
    <Panel
      id="events"
      title="What happened"
      wide
      from={{ ...answer, maxMs: 120_000 }}
      note={
        <input
          type="search"
          aria-label="Filter events"
          placeholder="filter"
          value={filter}
          onInput={(event) => setParams({ filter: event.currentTarget.value }, { replace: true })}
        />
      }
    >
      <Loaded from={answer}>
        {({ events }) => {
          const shown = events
            .filter(({ type, subject, message }) => `${type} ${subject} ${message}`.toLowerCase().includes(word))
            .reverse();
          if (shown.length === 0) return <Empty>Nothing of the kind has happened.</Empty>;
          return (
            <VirtualRows
              label="Events"
              count={shown.length}
              rowHeight={24}
              maxHeight={288}
              keyOf={(index) => String(shown[index]?.id ?? index)}
              row={(index) => <EventRow event={shown[index] as TimelineEvent} />}
            />
          );
        }}
      </Loaded>
    </Panel>
  );
}

function EventRow({ event: { at, type, message, lsn } }: { event: TimelineEvent }) {
  return (
    <p class="event-row">
      <time dateTime={new Date(at).toISOString()}>{new Date(at).toLocaleString('en-GB')}</time>
      <span class="unit minor">{type}</span>
      <span title={message}>{message}</span>
      {lsn !== null && <code class="minor">{lsn}</code>}
    </p>
  );
}

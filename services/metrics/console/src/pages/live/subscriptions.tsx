import type { LiveSubscription } from '@tidemark/contracts';
import { Link, setParams, useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format, Quantity } from '../../quantities.tsx';

interface LiveAnswer {
  instances: { instance: string; sockets: number; eventStreams: number; subscriptions: number; topics: number }[];
  silent: { instance: string }[];
  subscriptions: LiveSubscription[];
  next: string | null;
}

const FILTERS = ['table', 'role', 'user'] as const;
const MAX_SHOWN = 60;

const COLUMNS: Column<LiveSubscription>[] = [
  {
    head: 'Subscription',
    rowHeader: true,
    cell: ({ sub }) => (
      <Link page="live" params={{ sub }} keep row>
        {sub}
      </Link>
    ),
  },
  { head: 'Query', grow: true, cell: ({ query }) => <code title={query}>{query}</code> },
  { head: 'Reader', minor: true, cell: ({ role, user }) => (user === null ? role : `${user} (${role})`) },
  { head: 'State', cell: ({ state }) => state },
  { head: 'Changes', number: true, cell: ({ changes }) => <Quantity value={changes} unit="count" /> },
  { head: 'Unread', number: true, cell: ({ bufferedBytes }) => <Quantity value={bufferedBytes} unit="bytes" /> },
  {
    head: 'Of a topic',
    number: true,
    minor: true,
    cell: ({ subscribers }) => <Quantity value={subscribers} unit="count" />,
  },
  { head: 'Since', number: true, minor: true, cell: ({ startedAt }) => format(Date.now() - startedAt, 'ms') },
];

/** The slowest readers first. */
export function Subscriptions() {
  const { params } = useAddress();
  const query = new URLSearchParams({ limit: '200' });
  for (const name of FILTERS) if (params[name]) query.set(name, params[name]);
  const answer = useAnswer<LiveAnswer>(`live?${query}`);
  return (
    <Panel
      id="subscriptions"
      title="Subscriptions"
      wide
      from={answer}
      note={
        <span class="controls">
          {FILTERS.map((name) => (
            <input
              key={name}
              type="search"
              aria-label={`Filter by ${name}`}
              placeholder={name}
              value={params[name] ?? ''}
              onChange={(event) => setParams({ [name]: event.currentTarget.value }, { replace: true })}
            />
          ))}
        </span>
      }
    >
      <Loaded from={answer}>
        {({ instances, silent, subscriptions, next }) => {
          const rows = [...subscriptions].sort(
            (a, b) => b.bufferedBytes - a.bufferedBytes || a.startedAt - b.startedAt,
          );
          return (
            <>
              <p class="hint">
                {instances
                  .map(
                    (one) =>
                      `${one.instance}: ${one.sockets} sockets, ${one.eventStreams} event streams, ${one.topics} topics`,
                  )
                  .join(' · ')}
              </p>
              {silent.map(({ instance }) => (
                <p key={instance} class="problem">
                  {instance} did not answer; the list is incomplete.
                </p>
              ))}
              {rows.length === 0 ? (
                <Empty>
                  Nobody follows a query{FILTERS.some((name) => params[name]) ? ' that fits the filter' : ''}. Clients
                  connect to <code>/live</code>.
                </Empty>
              ) : (
                <Table
                  caption="Subscriptions"
                  columns={COLUMNS}
                  rows={rows.slice(0, MAX_SHOWN)}
                  keyOf={({ sub }) => sub}
                  isSelected={({ sub }) => sub === params.sub}
                  toneOf={({ bufferedBytes }) => (bufferedBytes > 256 * 1_024 ? 'warn' : undefined)}
                />
              )}
              {(next !== null || rows.length > MAX_SHOWN) && <p class="hint">There are more: filter them.</p>}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

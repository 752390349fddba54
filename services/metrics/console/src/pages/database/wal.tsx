/** The write-ahead log: the replicas that follow it, and the slots that retain it, against their budgets. */
import type { TopicValues } from '../../../../src/stream/topics.ts';
import { useTopic } from '../../live/session.ts';
import { Meter } from '../../parts/figures.tsx';
import { Empty, Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { format, Quantity } from '../../quantities.tsx';

type Replica = TopicValues['replication']['replicas'][number];
type Slot = TopicValues['replication']['slots'][number];

const REPLICA: Column<Replica>[] = [
  { head: 'Replica', rowHeader: true, grow: true, cell: ({ name }) => name },
  { head: 'State', cell: ({ state }) => state },
  { head: 'Lag', number: true, cell: ({ lagMs }) => <Quantity value={lagMs} unit="ms" /> },
  { head: 'Behind', number: true, cell: ({ lagBytes }) => <Quantity value={lagBytes} unit="bytes" /> },
  { head: 'Replayed', number: true, minor: true, cell: ({ replayLsn }) => <code>{replayLsn ?? '–'}</code> },
];

export function Wal() {
  const received = useTopic('replication');
  const { replicas = [], slots = [], walLsn, walBytesPerSecond } = received?.value ?? {};
  return (
    <Panel
      id="wal"
      title="WAL, replicas and slots"
      wide
      from={{ at: received?.at, maxMs: 90_000 }}
      note={walLsn && `at ${walLsn}, ${format(walBytesPerSecond, 'bytesPerSecond')} written`}
    >
      {received && replicas.length === 0 && (
        <Empty>
          No replica streams from this primary, so every read goes to it. Name one in DATABASE_REPLICA_URLS; the local
          stack has one.
        </Empty>
      )}
      {replicas.length > 0 && (
        <Table
          caption="Replicas"
          columns={REPLICA}
          rows={replicas}
          keyOf={({ name }) => name}
          toneOf={({ lagMs }) => ((lagMs ?? 0) > 1_000 ? 'warn' : undefined)}
        />
      )}
      <ul class="meters slots-of-wal">
        {slots.map((slot) => (
          <SlotBar key={slot.name} slot={slot} perSecond={walBytesPerSecond ?? null} />
        ))}
      </ul>
    </Panel>
  );
}

function SlotBar({ slot, perSecond }: { slot: Slot; perSecond: number | null }) {
  const { name, kind, active, walStatus, retainedBytes, safeBytes } = slot;
  const budget = retainedBytes !== null && safeBytes !== null ? retainedBytes + safeBytes : null;
  const share = budget === null || budget <= 0 ? null : (retainedBytes ?? 0) / budget;
  const lost = walStatus === 'lost' || walStatus === 'unreserved';
  const fullIn = safeBytes !== null && perSecond ? (safeBytes / perSecond) * 1_000 : null;
  return (
    <li class={lost ? 'bad' : active ? undefined : 'warn'}>
      <span>
        {name} <span class="unit">{kind}</span>
        {!active && ' · nobody reads it'}
        {lost && ` · ${walStatus}`}
      </span>
      <Meter
        share={share ?? 0}
        label={`WAL that ${name} retains, of its budget`}
        tone={lost ? 'bad' : (share ?? 0) > 0.8 ? 'warn' : undefined}
      />
      <span class="unit">
        {format(retainedBytes, 'bytes')}
        {budget === null ? ', without a budget' : ` of ${format(budget, 'bytes')}`}
        {fullIn !== null && !active && `, full in ${format(fullIn, 'ms')}`}
      </span>
    </li>
  );
}

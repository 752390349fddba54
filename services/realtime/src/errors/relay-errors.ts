import { defineErrors, row } from '@tidemark/contracts';

export const relayErrors = defineErrors('RT', {
  WAL_UNREADABLE: row<{ reason: string; head: string }>({
    status: 500,
    message: (p) => `Postgres sent a replication message that cannot be read: ${p.reason}`,
    details: (p) => `it starts with ${p.head}`,
    hint: 'Check for a proxy between the relay and Postgres. Tidemark reads protocol version 1 of pgoutput, of Postgres 14 and later.',
  }),
  LITERAL_UNREADABLE: row<{ kind: 'array' | 'row'; text: string }>({
    status: 500,
    message: (p) => `"${p.text.slice(0, 80)}" is not the text of a Postgres ${p.kind}`,
    hint: 'Please report the column’s type.',
  }),
  WAL_LEVEL: row<{ value: string }>({
    status: 503,
    message: (p) => `Postgres runs with wal_level=${p.value}, and live queries need wal_level=logical`,
    hint: 'alter system set wal_level = logical, then restart Postgres.',
  }),
  NO_REPLICATION: row<{ user: string }>({
    status: 503,
    message: (p) => `the user "${p.user}" of DATABASE_URL may not read the WAL`,
    hint: (p) => `alter role "${p.user}" replication; or set RELAY=false where another instance runs the relay.`,
  }),
  REPLICATION_CLOSED: row<{ reason: string }>({
    status: 503,
    message: (p) => `the replication connection ended: ${p.reason}`,
    hint: 'The relay reconnects by itself. If it happens again, see the log of Postgres.',
    retryAfter: 1,
  }),
  REPLICATION_SILENT: row<{ seconds: number }>({
    status: 503,
    message: (p) => `Postgres has sent nothing on the replication connection for ${p.seconds} s`,
    hint: 'The relay reconnects by itself. Check whether the server or the network is stalled.',
    retryAfter: 1,
  }),
  NATS_AWAY: row<{ reason: string }>({
    status: 503,
    message: (p) => `the relay does not take the slot, since it cannot publish: ${p.reason}`,
    hint: 'The relay continues when NATS can be reached. Until then the slot keeps the WAL, up to RELAY_WAL_BUDGET_BYTES.',
    retryAfter: 1,
  }),
  PUBLISH_FAILED: row<{ reason: string }>({
    status: 503,
    message: (p) => `JetStream did not accept a change: ${p.reason}`,
    hint: 'The relay starts again after the last acknowledged change. If it happens again, see the log of nats-server.',
    retryAfter: 1,
  }),
});

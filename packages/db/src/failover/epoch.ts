/** Mints an epoch where the last one belongs to another timeline or cluster. Several instances at once mint one. */
import { mintEpoch } from '@tidemark/contracts';
import { literal } from '../sql/quote.ts';

/** A primary's timeline: pg_control_checkpoint() shows a promotion only after the next checkpoint. */
export const TIMELINE = "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int";
export const SYSTEM = '(select system_identifier::text from pg_control_system())';
export const LAST_EPOCH = `select epoch, timeline, system_identifier, minted_at from tidemark.epochs
  order by minted_at desc, epoch desc limit 1`;

const LOCK_TIMEOUT_MS = 2_000;

/** The new epoch sorts after `last` by text and by time, whatever the clocks of this machine and the primary say. */
export function mintScript(last: string, reason: string): string {
  const epoch = mintEpoch(Math.max(Date.now(), last === '' ? 0 : Number.parseInt(last, 36) + 1));
  return `begin;
set local lock_timeout = ${LOCK_TIMEOUT_MS};
lock table tidemark.epochs in share row exclusive mode;
insert into tidemark.epochs (epoch, minted_at, reason, system_identifier, timeline)
  select ${literal(epoch)}, greatest(clock_timestamp(), last.minted_at + interval '1 microsecond'), ${literal(reason)},
    ${SYSTEM}, ${TIMELINE}
  from (${LAST_EPOCH}) as last
  where last.timeline <> ${TIMELINE} or last.system_identifier <> ${SYSTEM};
commit`;
}

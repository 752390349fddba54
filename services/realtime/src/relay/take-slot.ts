/** Finds, creates and takes the slot. Its holder is the active relay. */
import { errors } from '../errors.ts';
import type { RealtimeEvent } from '../events.ts';
import type { RelayOptions } from './relay-options.ts';
import { openReplication, type Replication, type ReplicationOptions } from './replication.ts';
import * as statements from './statements.ts';

const OBJECT_IN_USE = '55006';
const DUPLICATE_OBJECT = '42710';

export interface TakenSlot {
  /** Starts paused. */
  replication: Replication;
  created: boolean;
}

/** @returns undefined where another process holds the slot */
export async function takeSlot(
  options: RelayOptions,
  handlers: Pick<ReplicationOptions, 'onMessage' | 'onKeepalive' | 'onEnd'>,
): Promise<TakenSlot | undefined> {
  const { database, url, slot, publication, instance, observe } = options;
  const admin = database.pools.admin;
  // An instance that cannot publish leaves the slot to others, and creates none, which would keep WAL for nothing.
  const away = options.bus.problem();
  if (away !== undefined) throw errors.NATS_AWAY({ reason: away });
  await statements.checkWalLevel(admin);
  await statements.ensurePublication(admin, publication);
  const created = await ensureSlot(options, observe);
  try {
    const applicationName = `tidemark relay ${instance}`;
    const replication = await openReplication({ url, applicationName, slot, publication, ...handlers });
    replication.pause();
    return { replication, created };
  } catch (error) {
    if ((error as { code?: string }).code === OBJECT_IN_USE) return undefined;
    throw error;
  }
}

async function ensureSlot(options: RelayOptions, observe: (event: RealtimeEvent) => void): Promise<boolean> {
  const admin = options.database.pools.admin;
  const found = await statements.findSlot(admin, options.slot);
  if (found && !found.lost) return false;
  if (found) await statements.dropSlot(admin, options.slot);
  try {
    await statements.createSlot(admin, options.slot);
  } catch (error) {
    // Another relay has created it; continuity.ts notices that the slot begins after the end of the stream.
    if ((error as { code?: string }).code === DUPLICATE_OBJECT) return false;
    throw error;
  }
  observe({ type: 'relay.slot_created', slot: options.slot, lost: found !== undefined });
  return true;
}

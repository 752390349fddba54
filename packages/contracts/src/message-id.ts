/**
 * The ids of messages in the stream of changes (Nats-Msg-Id):
 *
 *    envelope   <epoch>-<lsn>-<ordinal>
 *    heartbeat  <epoch>-<lsn>-h<sequence>[-<lsn>-<ordinal>]   with the last envelope before it
 *
 * A single message therefore says its place in the stream, also inside a transaction.
 */
import { type Lsn, lsnFromHex, lsnToHex } from './tidemark.ts';

/** The place of an envelope: the end of its transaction, and its number in the transaction. */
export interface EnvelopePlace {
  lsn: Lsn;
  ordinal: number;
}

export interface MessagePlace {
  epoch: string;
  lsn: Lsn;
  /** This envelope, or the last one before this heartbeat, if there was one. */
  envelope: EnvelopePlace | undefined;
  /** True: everything up to `lsn` is in the stream. False: the transaction that ends there may continue. */
  heartbeat: boolean;
}

export function envelopeId(epoch: string, lsn: string, ordinal: number): string {
  return `${epoch}-${lsn}-${ordinal}`;
}

export function heartbeatId(epoch: string, lsn: string, sequence: number, last: EnvelopePlace | undefined): string {
  return `${epoch}-${lsn}-h${sequence}${last ? `-${lsnToHex(last.lsn)}-${last.ordinal}` : ''}`;
}

const MESSAGE_ID = /^([0-9a-z]+)-([0-9A-F]{16})-(?:(\d+)|h\d+(?:-([0-9A-F]{16})-(\d+))?)$/;

export function parseMessageId(id: string): MessagePlace | undefined {
  const [, epoch, hex, number, envelopeLsn, envelopeNumber] = MESSAGE_ID.exec(id) ?? [];
  if (epoch === undefined || hex === undefined) return undefined;
  const lsn = lsnFromHex(hex);
  if (number !== undefined) return { epoch, lsn, envelope: { lsn, ordinal: Number(number) }, heartbeat: false };
  const envelope =
    envelopeLsn === undefined ? undefined : { lsn: lsnFromHex(envelopeLsn), ordinal: Number(envelopeNumber) };
  return { epoch, lsn, envelope, heartbeat: true };
}

/** Returns the latest transaction that this message, or an earlier one, contains a part of. */
export function furthest(place: MessagePlace): Lsn {
  const { lsn, envelope } = place;
  return envelope && envelope.lsn > lsn ? envelope.lsn : lsn;
}

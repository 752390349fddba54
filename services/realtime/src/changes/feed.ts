/** One consumer of the change stream for the whole instance fills the ring and passes envelopes on to the topics. */
import { type Bus, type ChangeMessage, type ChangeReader, type ChangesFollower, followChanges } from '@tidemark/bus';
import { type DefinitionsChanged, furthest, type Lsn, parseMessageId } from '@tidemark/contracts';
import { ChangeEnvelope } from './envelope.ts';
import { Ring, type RingLimits } from './ring.ts';

export interface FeedOptions {
  bus: Bus;
  ring: RingLimits;
  /** How far back a new instance fills its ring, ms. */
  lookbackMs: number;
}

export interface FeedReaders {
  onEnvelope(envelope: ChangeEnvelope): void;
  /** Envelopes may have been missed: every subscription must resync. */
  onBreak(reason: string): void;
  /** Called before the envelopes of the transaction that changed the definitions; maybe repeatedly. */
  onDefinitions?(changed: DefinitionsChanged): void;
}

export interface Feed {
  readonly ring: Ring;
  start(readers: FeedReaders): void;
  stop(): Promise<void>;
  epoch(): string | undefined;
  sequence(): number;
  /** Position up to which everything published has been received. */
  lsn(): Lsn;
  reached(lsn: Lsn, timeoutMs: number): Promise<boolean>;
  problem(): string | undefined;
}

export function createFeed(options: FeedOptions): Feed {
  const { bus } = options;
  const ring = new Ring(options.ring);
  let follower: ChangesFollower | undefined;
  let lsn: Lsn = 0n;
  /** Whether the ring has a floor from which it is without gaps. */
  let isPlaced = false;
  const waiting = new Set<{ lsn: Lsn; done: (reached: boolean) => void }>();
  let due: Lsn | undefined;

  function placeAt(message: ChangeMessage): void {
    if (isPlaced) return;
    isPlaced = true;
    // Earlier parts of this message's transaction may be missing.
    const place = parseMessageId(message.id);
    ring.reset(message.sequence, place ? furthest(place) : message.lsn);
  }

  function settle(to: Lsn): void {
    if (to <= lsn) return;
    lsn = to;
    if (due === undefined || to < due) return;
    due = undefined;
    for (const waiter of waiting) {
      if (waiter.lsn <= to) waiter.done(true);
      else if (due === undefined || waiter.lsn < due) due = waiter.lsn;
    }
  }

  return {
    ring,
    start(readers) {
      const onHeartbeat = (message: ChangeMessage) => {
        placeAt(message);
        settle(message.lsn);
        ring.evict();
      };
      const reader: ChangeReader = {
        onEnvelope(message) {
          placeAt(message);
          const envelope = new ChangeEnvelope(message);
          ring.push(envelope);
          readers.onEnvelope(envelope);
          // The transaction may have more envelopes, so only earlier ones are complete.
          settle(message.lsn - 1n);
        },
        onHeartbeat,
        onDefinitions(message) {
          onHeartbeat(message);
          readers.onDefinitions?.(JSON.parse(Buffer.from(message.bytes).toString()));
        },
        onBreak(reason) {
          isPlaced = false;
          lsn = 0n;
          ring.clear();
          readers.onBreak(reason);
        },
      };
      follower = followChanges(bus, reader, { lookbackMs: options.lookbackMs });
    },
    async stop() {
      for (const waiter of waiting) waiter.done(false);
      await follower?.stop();
    },
    epoch: () => follower?.epoch(),
    sequence: () => follower?.sequence() ?? 0,
    lsn: () => lsn,
    reached(target, timeoutMs) {
      if (lsn >= target) return Promise.resolve(true);
      return new Promise((resolve) => {
        const waiter = {
          lsn: target,
          done(reached: boolean) {
            clearTimeout(timer);
            waiting.delete(waiter);
            resolve(reached);
          },
        };
        const timer = setTimeout(waiter.done, timeoutMs, false);
        waiting.add(waiter);
        if (due === undefined || target < due) due = target;
      });
    },
    problem: () => (follower ? follower.problem() : 'the feed is not started'),
  };
}

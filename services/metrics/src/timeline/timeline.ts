/** Events, newest last: they answer the question of what has changed before a problem began. */
import { type Static, Type } from 'typebox';

export const EVENT_TYPES = {
  'instance.started': 'a process reports itself for the first time',
  'instance.restarted':
    'an instance reports itself with another process; the message says whether the one before had stopped by itself',
  'instance.stopped': 'an instance stops as it was told to',
  'instance.lost': 'an instance fell silent without having stopped: it crashed, was killed, hangs or is cut off',
  'instance.ready': 'an instance is ready again',
  'instance.not_ready': 'an instance is not ready, with the reasons',
  'version.changed': 'a service runs another version',
  'configuration.changed': 'a service runs with other settings; only their names are kept',
  'relay.leader': 'another instance runs the relay',
  'epoch.changed': 'a new epoch: continuity was broken, and clients resync',
  'definition.changed': 'the columns, keys, policies or rights of a published table changed, up to the position',
  'replica.connected': 'a replica streams from the primary',
  'replica.disconnected': 'a replica no longer streams from the primary',
  'index.dropped': 'an index that statements used was dropped',
  'action.taken': 'an operator carried out a remedy of a finding',
  'alert.began': 'an alert began',
  'alert.ended': 'an alert ended',
} as const;
export type EventType = keyof typeof EVENT_TYPES;

export const TimelineEvent = Type.Object({
  id: Type.Integer({ description: 'grows by 1; those from before the start of the metrics service are below 1' }),
  at: Type.Integer({ description: 'ms since 1970' }),
  type: Type.Enum(Object.keys(EVENT_TYPES)),
  subject: Type.String({ description: 'an instance, a service, a table, a replica, the key of an alert' }),
  message: Type.String(),
  lsn: Type.Union([Type.String(), Type.Null()], { description: 'a position in the WAL; null where there is none' }),
});
export type TimelineEvent = Static<typeof TimelineEvent>;
export type Happening = Pick<TimelineEvent, 'subject' | 'message'> & { type: EventType; lsn?: string };

export interface EventsQuery {
  /** ms since 1970. */
  from: number;
  type?: string;
  limit: number;
}

/** An event has at most 1 KB, so all of them take 2 MB. */
const MAX_EVENTS = 2_000;
const MAX_TEXT = 480;
const MAX_CAUSES = 5;
const CAUSES_MS = 600_000;

export class Timeline {
  droppedTotal = 0;
  readonly limit: number = MAX_EVENTS;
  #events: TimelineEvent[] = [];
  #nextId = 1;
  #savedId = 0;

  get size(): number {
    return this.#events.length;
  }

  add({ type, subject, message, lsn }: Happening, at: number): void {
    this.#events.push({
      id: this.#nextId++,
      at,
      type,
      subject: subject.slice(0, MAX_TEXT),
      message: message.slice(0, MAX_TEXT),
      lsn: lsn ?? null,
    });
    if (this.#events.length <= MAX_EVENTS) return;
    this.#events.shift();
    this.droppedTotal++;
  }

  /** Returns at most five events of the ten minutes before `time`, newest first. Alerts are left out: they cause nothing. */
  before(time: number): TimelineEvent[] {
    const found: TimelineEvent[] = [];
    for (let n = this.#events.length - 1; n >= 0 && found.length < MAX_CAUSES; n--) {
      const event = this.#events[n] as TimelineEvent;
      if (event.at < time - CAUSES_MS) break;
      if (event.at <= time && !event.type.startsWith('alert.')) found.push(event);
    }
    return found;
  }

  /** Events from before the start, oldest first. They fill what room there is. */
  prepend(events: readonly Omit<TimelineEvent, 'id'>[]): void {
    const room = MAX_EVENTS - this.#events.length;
    const kept = room > 0 ? events.slice(-room) : [];
    const first = 1 - kept.length;
    this.#events.unshift(...kept.map((event, index) => ({ id: first + index, ...event })));
  }

  /** The oldest that are not stored. */
  unsaved(limit: number): TimelineEvent[] {
    return this.#events.filter(({ id }) => id > this.#savedId).slice(0, limit);
  }

  /** Everything up to this id is stored, or is stored by another instance. */
  saved(id: number): void {
    this.#savedId = Math.min(id, this.#nextId - 1);
  }

  /** The newest events since `from`, oldest first. `first` is the oldest event that is kept. */
  read({ from, type, limit }: EventsQuery): { first: number | null; events: TimelineEvent[] } {
    const found = this.#events.filter((event) => event.at >= from && (type === undefined || event.type === type));
    return { first: this.#events[0]?.at ?? null, events: found.slice(-limit) };
  }
}

/**
 * One channel as this instance has it: its own members, and what comes from the other instances. Frames are made once and
 * written to every socket. A socket that does not take a frame has missed it: nothing here is kept or sent again.
 */

import type { Bus, Subscription } from '@tidemark/bus';
import { ChannelBroadcast, type Member } from '@tidemark/contracts';
import { type Refusal, SharedLimit } from '@tidemark/service';
import { serverFrame } from '../topics/frame.ts';
import type { Sink } from '../topics/subscription.ts';
import { Presence, type PresenceChange } from './presence.ts';

/** Changes of presence that come within so long are one frame, ms: a thousand who join are not a thousand frames to each. */
const PRESENCE_FRAME_MS = 100;

export interface ChannelOptions {
  name: string;
  instance: string;
  bus: Bus;
  /** The key of whoever opened it. */
  holder: string;
  /** Frames that a socket did not take. */
  onDropped(): void;
}

export class Channel {
  readonly name: string;
  readonly holder: string;
  readonly sinks = new Map<string, Sink>();
  readonly presence = new Presence();
  /** Whether the anonymous role may join: then nobody is told the claim `sub` of another. */
  isPublic = false;
  /** Resolves once NATS has the subscription: what others send from then on arrives here. */
  readonly opened: Promise<void>;
  #options: ChannelOptions;
  #subscription: Subscription;
  #changed = new Map<string, Member | null>();
  #timer: NodeJS.Timeout | undefined;
  #second = 0;
  /** Messages of this second. */
  #sent: SharedLimit | undefined;

  constructor(options: ChannelOptions) {
    this.name = options.name;
    this.holder = options.holder;
    this.#options = options;
    const { bus, name, instance } = options;
    this.#subscription = bus.subscribe<ChannelBroadcast>(bus.subjects.channel(name), (said) => this.#hear(said), {
      schema: ChannelBroadcast,
    });
    this.#broadcast({ kind: 'who', instance });
    this.opened = bus.flush();
  }

  /** Counts a message, unless this instance's members, or this one beyond its share, have sent enough within this second. */
  refuses(limit: { perSecond: number; sharePercent: number }, holder: string, now: number): Refusal | undefined {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second || !this.#sent) {
      this.#second = second;
      this.#sent = new SharedLimit(limit.perSecond, limit.sharePercent);
    }
    return this.#sent.take(holder, 1);
  }

  send(from: string, event: string, payload: unknown): void {
    this.#broadcast({ kind: 'message', instance: this.#options.instance, from, event, payload: payload ?? null });
    this.#deliver(from, event, payload);
  }

  /** A member that others see, new or with another state. */
  put(member: Member): void {
    const shown = this.isPublic ? { ...member, user: null } : member;
    this.presence.put(shown);
    this.#tell({ joined: [shown], left: [] });
  }

  /** @param isPublic whether the anonymous role may join, as Postgres says now */
  setPublic(isPublic: boolean): void {
    const becamePublic = isPublic && !this.isPublic;
    this.isPublic = isPublic;
    if (!becamePublic) return;
    for (const member of this.presence.local()) if (member.user !== null) this.put(member);
  }

  remove(id: string): void {
    this.sinks.delete(id);
    if (this.presence.remove(id)) this.#tell({ joined: [], left: [id] });
  }

  /** Says who is here, and forgets whom nobody has heard of since. */
  heartbeat(since: number): void {
    if (this.presence.localCount > 0) this.#sayWhoIsHere();
    this.#show(this.presence.expire(since));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#broadcast({ kind: 'here', instance: this.#options.instance, members: [] });
    this.#subscription.unsubscribe();
  }

  #hear(said: ChannelBroadcast): void {
    if (said.instance === this.#options.instance) return;
    if (said.kind === 'message') this.#deliver(said.from, said.event, said.payload);
    else if (said.kind !== 'who') this.#show(this.presence.hear(said, Date.now()));
    else if (this.presence.localCount > 0) this.#sayWhoIsHere();
  }

  #deliver(from: string, event: string, payload: unknown): void {
    this.#write(serverFrame({ op: 'message', channel: this.name, event, payload: payload ?? null, from }), from);
  }

  #write(frame: Buffer, except?: string): void {
    for (const [id, sink] of this.sinks) {
      if (id !== except && !sink.write(frame)) this.#options.onDropped();
    }
  }

  #tell(change: PresenceChange): void {
    this.#broadcast({ kind: 'change', instance: this.#options.instance, ...change });
    this.#show(change);
  }

  /** The newest of each member, in the next frame. */
  #show(change: PresenceChange | undefined): void {
    if (!change) return;
    for (const id of change.left) this.#changed.set(id, null);
    for (const member of change.joined) this.#changed.set(member.id, member);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const joined: Member[] = [];
      const left: string[] = [];
      for (const [id, member] of this.#changed) {
        if (member) joined.push(member);
        else left.push(id);
      }
      this.#changed.clear();
      this.#write(serverFrame({ op: 'presence', channel: this.name, joined, left }));
    }, PRESENCE_FRAME_MS);
  }

  #sayWhoIsHere(): void {
    this.#broadcast({ kind: 'here', instance: this.#options.instance, members: this.presence.local() });
  }

  #broadcast(said: ChannelBroadcast): void {
    const { bus } = this.#options;
    // While NATS is away, the heartbeat after it tells the others.
    if (bus.connected()) bus.publish(bus.subjects.channel(this.name), said);
  }
}

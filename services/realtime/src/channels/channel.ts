/** Each frame is built once and written to every socket. One that a socket cannot take is lost, not repeated. */

import type { Bus, Subscription } from '@tidemark/bus';
import { ChannelBroadcast, type Member } from '@tidemark/contracts';
import { type Refusal, SharedLimit } from '@tidemark/service';
import { serverFrame } from '../topics/frame.ts';
import type { Sink } from '../topics/subscription.ts';
import { Presence, type PresenceChange } from './presence.ts';

/** Time within which changes of presence are sent as one frame, ms. */
const PRESENCE_FRAME_MS = 100;

export interface ChannelOptions {
  name: string;
  instance: string;
  bus: Bus;
  /** The identity or address that opened the channel. */
  holder: string;
  onDropped(): void;
}

export class Channel {
  readonly name: string;
  readonly holder: string;
  readonly sinks = new Map<string, Sink>();
  readonly presence = new Presence();
  /** Whether the anonymous role may join. Then the claim `sub` of members is hidden. */
  isPublic = false;
  /** Resolves once NATS has the subscription, so that later messages arrive. */
  readonly opened: Promise<void>;
  #options: ChannelOptions;
  #subscription: Subscription;
  #changed = new Map<string, Member | null>();
  #timer: NodeJS.Timeout | undefined;
  #second = 0;
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

  put(member: Member): void {
    const shown = this.isPublic ? { ...member, user: null } : member;
    this.presence.put(shown);
    this.#tell({ joined: [shown], left: [] });
  }

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

  /** Announces the members of this instance, and removes those of instances that were silent since this time. */
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

  /** Collects the newest state of each member for the next frame. */
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
    // While NATS is away, nothing is sent; a later heartbeat informs the others.
    if (bus.connected()) bus.publish(bus.subjects.channel(this.name), said);
  }
}

/** The channels of this instance: joins and leaves of sockets, checks of their rights, and heartbeats. */
import { randomBytes } from 'node:crypto';
import type { Bus } from '@tidemark/bus';
import type { Database, Identity } from '@tidemark/db';
import { every, SharedLimit } from '@tidemark/service';
import { errors } from '../errors.ts';
import type { RealtimeEvent } from '../events.ts';
import { serverFrame } from '../topics/frame.ts';
import type { Sink } from '../topics/subscription.ts';
import { Channel } from './channel.ts';
import { type ChannelRights, createChannelRights } from './channel-rights.ts';

export interface ChannelsOptions {
  database: Database;
  bus: Bus;
  instance: string;
  anonymous: Identity;
  maxChannels: number;
  maxPerSocket: number;
  maxPresent: number;
  /** Limit of the bytes of the states of this instance's members. */
  stateBytes: number;
  sharePercent: number;
  messagesPerSecond: number;
  heartbeatMs: number;
  rightsMs: number;
  observe: (event: RealtimeEvent) => void;
}

export interface Membership {
  readonly id: string;
  readonly channel: Channel;
  readonly identity: Identity;
  readonly sink: Sink;
  readonly holder: string;
  stateBytes: number;
  rights: ChannelRights;
  onEnd(): void;
}

export interface Joiner extends Sink {
  readonly identity: Identity;
  readonly channels: Map<string, Membership>;
}

export interface Channels {
  readonly maxPerSocket: number;
  join(joiner: Joiner, name: string, state: Record<string, unknown> | undefined, tidemark?: string): Promise<void>;
  send(joiner: Joiner, name: string, event: string, payload: unknown): void;
  setState(joiner: Joiner, name: string, state: Record<string, unknown>): void;
  /** @param reason given where the client did not ask to leave */
  leave(joiner: Joiner, name: string, reason?: string): void;
  leaveAll(joiner: Joiner, reason?: string): void;
  counts(): {
    channels: number;
    members: number;
    present: number;
    stateBytes: number;
    messagesTotal: number;
    droppedTotal: number;
  };
  stop(): Promise<void>;
}

/** Bytes charged for a member beside its state. */
const MEMBER_BYTES = 200;
/** Bytes of a member's state: five hundred of them make a message of half a megabyte, and NATS accepts one. */
const MAX_STATE_BYTES = 1_024;
/** The message for clients leaves out NATS's address. */
const NATS_AWAY = 'the message broker cannot be reached';
const RIGHTS_BATCH = 500;

export function createChannels(options: ChannelsOptions): Channels {
  const { bus, instance, anonymous, observe } = options;
  const rights = createChannelRights(options.database);
  const channels = new Map<string, Channel>();
  /** Charges a channel to the holder that opened it. */
  const places = new SharedLimit(options.maxChannels, options.sharePercent);
  const states = new SharedLimit(options.stateBytes, options.sharePercent);
  const memberships = new Set<Membership>();
  let messagesTotal = 0;
  let droppedTotal = 0;
  let stopped = false;
  let checking: Promise<void> = Promise.resolve();
  let checkTimer = setTimeout(checkLater, options.rightsMs);

  const heartbeatAll = () => {
    const since = Date.now() - 2 * options.heartbeatMs;
    for (const channel of channels.values()) channel.heartbeat(since);
  };
  const heartbeat = every('channels', options.heartbeatMs, heartbeatAll, observe);

  function open(name: string, holder: string): Channel {
    const found = channels.get(name);
    if (found) return found;
    const refusal = places.take(holder, 1);
    if (refusal) throw errors.TOO_MANY_CHANNELS({ limit: refusal.limit, where: refusal.where });
    const onDropped = () => {
      droppedTotal += 1;
    };
    const channel = new Channel({ name, instance, bus, holder, onDropped });
    channels.set(name, channel);
    return channel;
  }

  function end(membership: Membership): void {
    if (!memberships.delete(membership)) return;
    const { channel, id } = membership;
    states.give(membership.holder, membership.stateBytes);
    membership.onEnd();
    channel.remove(id);
    if (channel.sinks.size > 0) return;
    channel.close();
    places.give(channel.holder, 1);
    channels.delete(channel.name);
  }

  function membershipOf(joiner: Joiner, name: string): Membership {
    const membership = joiner.channels.get(name);
    if (!membership) throw errors.CHANNEL_NOT_JOINED({ channel: name });
    return membership;
  }

  function checkState(state: Record<string, unknown>, name: string, id?: string): void {
    if (Buffer.byteLength(JSON.stringify(state)) > MAX_STATE_BYTES) {
      throw errors.STATE_TOO_LARGE({ limit: MAX_STATE_BYTES });
    }
    const presence = channels.get(name)?.presence;
    if (!presence || (id !== undefined && presence.has(id))) return;
    if (presence.count >= options.maxPresent) throw errors.CHANNEL_FULL({ channel: name, limit: options.maxPresent });
  }

  function present(membership: Membership, state: Record<string, unknown>): void {
    const { channel, id, identity, holder } = membership;
    const bytes = MEMBER_BYTES + Buffer.byteLength(JSON.stringify(state));
    const more = bytes - membership.stateBytes;
    const refusal = more > 0 ? states.take(holder, more) : undefined;
    if (refusal) throw errors.STATES_FULL({ limit: refusal.limit, where: refusal.where });
    if (more < 0) states.give(holder, -more);
    membership.stateBytes = bytes;
    const { sub } = JSON.parse(identity.claims) as { sub?: unknown };
    channel.put({ id, user: typeof sub === 'string' ? sub : null, state });
  }

  /** Checks the rights with a statement for each identity and batch of names. Errors of the database change nothing. */
  async function check(): Promise<void> {
    const byIdentity = new Map<string, Membership[]>();
    for (const membership of memberships) {
      const key = `${membership.identity.role}\0${membership.identity.claims}`;
      const list = byIdentity.get(key);
      if (list) list.push(membership);
      else byIdentity.set(key, [membership]);
    }
    for (const list of byIdentity.values()) {
      for (let from = 0; from < list.length && !stopped; from += RIGHTS_BATCH) {
        await checkBatch(list.slice(from, from + RIGHTS_BATCH));
      }
    }
    const open = [...channels.values()];
    for (let from = 0; from < open.length && !stopped; from += RIGHTS_BATCH) {
      await checkPublic(open.slice(from, from + RIGHTS_BATCH));
    }
  }

  async function checkPublic(batch: readonly Channel[]): Promise<void> {
    const names = batch.map(({ name }) => name);
    try {
      const granted = await rights.of(anonymous, names);
      for (const [n, channel] of batch.entries()) channel.setPublic((granted[n] as ChannelRights).join);
    } catch (error) {
      observe({ type: 'channel.unchecked', error: error as Error });
    }
  }

  async function checkBatch(batch: readonly Membership[]): Promise<void> {
    const [first] = batch as [Membership];
    let now: ChannelRights[];
    try {
      now = await rights.of(
        first.identity,
        batch.map((membership) => membership.channel.name),
      );
    } catch (error) {
      observe({ type: 'channel.unchecked', error: error as Error });
      return;
    }
    for (const [n, membership] of batch.entries()) {
      membership.rights = now[n] as ChannelRights;
      if (membership.rights.join || !memberships.has(membership)) continue;
      leaveChannel(membership, 'the policies no longer let you');
    }
  }

  function checkLater(): void {
    checking = check().then(() => {
      if (!stopped) checkTimer = setTimeout(checkLater, options.rightsMs);
    });
  }

  function leaveChannel(membership: Membership, reason: string | undefined): void {
    const { channel, sink } = membership;
    end(membership);
    sink.tell(serverFrame({ op: 'left', channel: channel.name, ...(reason === undefined ? {} : { reason }) }));
  }

  return {
    maxPerSocket: options.maxPerSocket,
    async join(joiner, name, state, tidemark) {
      if (joiner.channels.has(name)) throw errors.CHANNEL_JOINED({ channel: name });
      if (joiner.channels.size >= options.maxPerSocket) {
        throw errors.SOCKET_CHANNELS({ limit: options.maxPerSocket });
      }
      if (bus.problem()) throw errors.NOT_FOLLOWING({ reason: NATS_AWAY });
      const { identity } = joiner;
      // Every join checks this, so that a channel that became public is not treated as private.
      const [granted, [everybody]] = await Promise.all([
        rights.toJoin(identity, name, tidemark),
        rights.of(anonymous, [name], tidemark),
      ]);
      if (!granted.join) throw errors.CHANNEL_FORBIDDEN({ channel: name, right: 'join', command: 'select' });
      if (state) checkState(state, name);
      if (joiner.closed) return;
      const { holder } = joiner;
      const channel = open(name, holder);
      channel.setPublic(everybody?.join ?? true);
      const id = randomBytes(9).toString('base64url');
      const onEnd = () => joiner.channels.delete(name);
      const membership: Membership = {
        id,
        channel,
        identity,
        sink: joiner,
        holder,
        stateBytes: 0,
        rights: granted,
        onEnd,
      };
      joiner.channels.set(name, membership);
      memberships.add(membership);
      channel.sinks.set(id, joiner);
      try {
        await channel.opened;
      } catch (cause) {
        // The join fails as a whole, and the client may repeat it.
        end(membership);
        throw errors.NOT_FOLLOWING({ reason: NATS_AWAY }, { cause });
      }
      if (!memberships.has(membership)) return;
      joiner.tell(serverFrame({ op: 'joined', channel: name, member: id, members: channel.presence.all() }));
      if (state) present(membership, state);
    },
    send(joiner, name, event, payload) {
      const { channel, id, rights: granted } = membershipOf(joiner, name);
      if (!granted.send) throw errors.CHANNEL_FORBIDDEN({ channel: name, right: 'send', command: 'insert' });
      if (bus.problem()) throw errors.NOT_FOLLOWING({ reason: NATS_AWAY });
      const { messagesPerSecond, sharePercent } = options;
      const refusal = channel.refuses({ perSecond: messagesPerSecond, sharePercent }, joiner.holder, Date.now());
      if (refusal) throw errors.CHANNEL_RATE({ channel: name, limit: refusal.limit, where: refusal.where });
      messagesTotal += 1;
      channel.send(id, event, payload);
    },
    setState(joiner, name, state) {
      const membership = membershipOf(joiner, name);
      checkState(state, name, membership.id);
      present(membership, state);
    },
    leave(joiner, name, reason) {
      leaveChannel(membershipOf(joiner, name), reason);
    },
    leaveAll(joiner, reason) {
      for (const membership of [...joiner.channels.values()]) {
        if (reason === undefined) end(membership);
        else leaveChannel(membership, reason);
      }
    },
    counts() {
      let present = 0;
      for (const channel of channels.values()) present += channel.presence.count;
      return {
        channels: channels.size,
        members: memberships.size,
        present,
        stateBytes: states.used,
        messagesTotal,
        droppedTotal,
      };
    },
    async stop() {
      stopped = true;
      heartbeat.stop();
      clearTimeout(checkTimer);
      await checking;
      for (const membership of [...memberships]) end(membership);
    },
  };
}

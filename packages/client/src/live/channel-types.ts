import type { ClientFrame } from './frames.ts';

export interface Member {
  /** Identifies one socket in this channel. */
  id: string;
  /** Claim `sub` of the member's token; null in a channel that anyone may join, such as `public:news`: put a name into `state` there. */
  user: string | null;
  state: Record<string, unknown>;
}

export interface ChannelMessage<Payload = unknown> {
  event: string;
  payload: Payload;
  from: string;
}

export interface ChannelOptions {
  /** Visible to the other members, at most 1 KB. Without a state, this client is not listed as a member. */
  state?: Record<string, unknown>;
}

export type Listener<Given> = (given: Given) => void;

export interface ChannelHost {
  send(frame: ClientFrame): void;
  /** May be called before the join was answered. */
  leaveChannel(name: string): void;
}

export interface ChannelRegistry<Channel> {
  readonly tidemark: string | undefined;
  enter(channel: Channel): void;
  exit(channel: Channel): void;
}

/** What a channel is given and gives. */
import type { ClientFrame } from './frames.ts';

/** What others see of a member. */
export interface Member {
  /** Of one socket in this channel. */
  id: string;
  /** The claim `sub` of its token; null in a channel that anybody may join, such as `public:news`: show a name in `state` there. */
  user: string | null;
  state: Record<string, unknown>;
}

export interface ChannelMessage<Payload = unknown> {
  event: string;
  payload: Payload;
  /** The member's id. */
  from: string;
}

export interface ChannelOptions {
  /** Shown to the others, at most 1 KB. Without: it is not shown that this client is here. */
  state?: Record<string, unknown>;
}

export type Listener<Given> = (given: Given) => void;

/** The connection that it is joined over. */
export interface ChannelHost {
  /** @throws CLIENT_FRAME_TOO_LARGE, CLIENT_TOO_FAST */
  send(frame: ClientFrame): void;
  /** Whether the join was answered yet or not. */
  leaveChannel(name: string): void;
}

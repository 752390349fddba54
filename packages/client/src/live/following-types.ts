/** What a query that is followed needs of those around it: who asks it, who is told, and what carries it. */
import type { LiveEvent, LiveStatus } from './event.ts';
import type { FollowedQuery } from './following.ts';
import type { ClientFrame } from './frames.ts';

type Row = Record<string, unknown>;

/** What is followed; equal texts are followed once. */
export interface Following {
  query: string;
  profile: string | undefined;
  mode: 'every' | 'latest';
  snapshot: boolean;
  after: string | undefined;
}

export interface Follower {
  events(events: readonly LiveEvent<Row>[]): void;
  status(status: LiveStatus): void;
}

/** The connection that it is followed over. */
export interface QueryHost {
  /** @throws CLIENT_FRAME_TOO_LARGE */
  send(frame: ClientFrame): void;
  /** Ends a subscription that was asked for, whether it is there yet or not. */
  unsubscribe(id: string): void;
}

export interface FollowedQueryOptions {
  id: string;
  /** `asked`, as text. */
  text: string;
  asked: Following;
  /** What is in the database up to here has been seen. */
  onSeen(tidemark: string): void;
  /** The server will not have it. */
  onFailed(query: FollowedQuery): void;
}

import type { LiveEvent, LiveStatus } from './event.ts';
import type { ClientFrame } from './frames.ts';

type Row = Record<string, unknown>;

/** The request of a live query; equal requests share one subscription. */
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

export interface QueryHost {
  send(frame: ClientFrame): void;
  /** May be called before the subscribe was answered. */
  unsubscribe(id: string): void;
}

export interface FollowedQueryOptions {
  id: string;
  text: string;
  asked: Following;
  /** Called with the tidemark of each applied snapshot and change. */
  onSeen(tidemark: string): void;
  onFailed(): void;
}

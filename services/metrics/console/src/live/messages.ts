/** The messages between tabs and their shared connection to the metrics service. */
import type { ConnectionState } from './connection-state.ts';

/** A tab repeats what it wants, so that one whose messages have ceased may be forgotten. */
export type TabMessage =
  | {
      readonly type: 'want';
      /** The address of the performance API, with a slash at its end. */
      readonly api: string;
      readonly token: string;
      /** The list is empty while the tab is hidden. */
      readonly topics: readonly string[];
    }
  | { readonly type: 'retry' }
  | { readonly type: 'leave' };

export type HubMessage =
  | { readonly type: 'state'; readonly state: ConnectionState }
  | { readonly type: 'topic'; readonly name: string; readonly data: unknown; readonly at: number };

export interface Port {
  postMessage(message: HubMessage): void;
}

export const REPEAT_MS = 15_000;
export const FORGET_MS = 3 * REPEAT_MS;

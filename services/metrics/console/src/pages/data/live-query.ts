/** One subscription on one WebSocket: a snapshot, then its changes (services/realtime/PROTOCOL.md). It connects again by itself. */
import type { ServerFrame } from '@tidemark/contracts';
import { GATEWAY } from '../../live/api.ts';
import { retryDelay } from '../../live/connection-state.ts';
import { type Row, RowSet } from './row-set.ts';

export interface LiveState {
  is: 'connecting' | 'live' | 'waiting' | 'refused';
  /** Why it waits, or was refused. */
  reason: string | null;
  rows: readonly Row[];
  /** The place in the WAL of the newest change, or the tidemark of the snapshot. */
  position: string | null;
  changes: number;
}

export interface LiveRequest {
  query: string;
  schema: string;
  token: string;
}

const ID = 'q';
const PING_MS = 20_000;

export function followQuery(request: LiveRequest, tell: (state: LiveState) => void): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  let attempt = 0;
  let set = new RowSet([]);
  let topic: number | undefined;
  let state: LiveState = { is: 'connecting', reason: null, rows: [], position: null, changes: 0 };

  const change = (next: Partial<LiveState>) => {
    state = { ...state, ...next };
    tell(state);
  };
  const send = (frame: object) => socket?.send(JSON.stringify(frame));
  const subscribe = () =>
    send({ op: 'subscribe', id: ID, query: request.query, profile: request.schema, snapshot: true });

  function again(reason: string): void {
    if (stopped || state.is === 'refused') return;
    attempt++;
    change({ is: 'waiting', reason });
    clearTimeout(timer);
    timer = setTimeout(connect, retryDelay(attempt, Math.random()));
  }

  function hear(frame: ServerFrame): void {
    switch (frame.op) {
      case 'subscribed':
        topic = frame.topic;
        set = new RowSet(frame.key);
        return;
      case 'snapshot':
        if (frame.topic !== topic) return;
        set.add(frame.rows);
        if (!frame.done) return;
        attempt = 0;
        change({ is: 'live', reason: null, rows: set.rows(), position: frame.position ?? frame.tidemark ?? null });
        return;
      case 'changes':
        if (frame.topic !== topic) return;
        set.apply(frame.changes);
        change({
          rows: set.rows(),
          position: frame.position ?? state.position,
          changes: state.changes + frame.changes.length,
        });
        return;
      case 'resync':
        change({ reason: `read again: ${frame.reason}` });
        subscribe();
        return;
      case 'error': {
        const reason = [frame.message, frame.hint].filter(Boolean).join('. ');
        if (frame.retry) {
          again(reason);
          socket?.close();
        } else change({ is: 'refused', reason });
        return;
      }
      case 'draining':
        socket?.close();
    }
  }

  function connect(): void {
    change({ is: 'connecting' });
    const opened = new WebSocket(new URL('live', GATEWAY.replace(/^http/, 'ws')), 'tidemark.v1');
    socket = opened;
    const pinging = setInterval(() => opened.readyState === WebSocket.OPEN && send({ op: 'ping' }), PING_MS);
    opened.onopen = () => {
      send({ op: 'auth', token: request.token });
      subscribe();
    };
    opened.onmessage = ({ data }) => hear(JSON.parse(data as string) as ServerFrame);
    opened.onclose = ({ reason }) => {
      clearInterval(pinging);
      if (opened === socket && state.is !== 'waiting') again(reason || 'the connection is lost');
    };
  }

  connect();
  return () => {
    stopped = true;
    clearTimeout(timer);
    socket?.close();
  };
}

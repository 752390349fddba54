/** The open connections of this instance: limits, the tick of each second, counts, and the end. */
import type { Socket } from 'node:net';
import { CLOSE_CODES, LIVE_SUBPROTOCOL } from '@tidemark/contracts';
import type { WebSocket } from 'ws';
import type { RealtimeEvent } from '../events.ts';
import { serverFrame } from '../topics/frame.ts';
import { Connection, type ConnectionContext } from './connection.ts';

export interface SocketsOptions extends Omit<ConnectionContext, 'onClosed' | 'onFrame'> {
  maxSockets: number;
  observe: (event: RealtimeEvent) => void;
}

export interface Sockets {
  accept(ws: WebSocket, raw: Socket, offered: string | undefined, token: () => string | undefined): void;
  counts(): { open: number; openedTotal: number; closedTotal: number; framesTotal: number; bufferedBytes: number };
  /** Tells the clients when to come back, closes, and cuts off what is left at the deadline. */
  drain(deadlineMs: number): Promise<void>;
}

/** Clients come back spread over this, so that the other instances are not hit at once. */
const RECONNECT_SPREAD_MS = 2_000;
const TICK_MS = 1_000;

export function createSockets(options: SocketsOptions): Sockets {
  const open = new Set<Connection>();
  let openedTotal = 0;
  let closedTotal = 0;
  let framesTotal = 0;
  let draining = false;
  let emptied: (() => void) | undefined;

  const context: ConnectionContext = {
    ...options,
    onFrame() {
      framesTotal += 1;
    },
    onClosed(connection) {
      if (!open.delete(connection)) return;
      closedTotal += 1;
      if (open.size === 0) emptied?.();
    },
  };
  const timer = setInterval(() => {
    const now = Date.now();
    for (const connection of open) connection.tick(now);
  }, TICK_MS);

  function refusal(offered: string | undefined): { code: number; reason: string } | undefined {
    if (draining) return { code: CLOSE_CODES.GOING_AWAY, reason: 'this instance is stopping' };
    if (open.size >= options.maxSockets) {
      return { code: CLOSE_CODES.TRY_AGAIN_LATER, reason: `this instance has its ${options.maxSockets} sockets` };
    }
    const protocols = offered?.split(',').map((protocol) => protocol.trim());
    if (protocols && !protocols.includes(LIVE_SUBPROTOCOL)) {
      return { code: CLOSE_CODES.BAD_SUBPROTOCOL, reason: `only the subprotocol ${LIVE_SUBPROTOCOL} is spoken here` };
    }
    return undefined;
  }

  return {
    accept(ws, raw, offered, token) {
      const refused = refusal(offered);
      if (refused) {
        options.observe({ type: 'socket.refused', reason: refused.reason });
        ws.on('error', () => ws.terminate());
        ws.close(refused.code, refused.reason);
        return;
      }
      openedTotal += 1;
      open.add(new Connection(String(openedTotal), ws, raw, context, token));
    },
    counts() {
      let bufferedBytes = 0;
      for (const connection of open) bufferedBytes += connection.bufferedBytes;
      return { open: open.size, openedTotal, closedTotal, framesTotal, bufferedBytes };
    },
    async drain(deadlineMs) {
      draining = true;
      for (const connection of open) {
        const reconnectInMs = Math.floor(Math.random() * RECONNECT_SPREAD_MS);
        connection.write(serverFrame({ op: 'draining', reconnectInMs }));
        connection.close(CLOSE_CODES.GOING_AWAY, 'this instance is stopping');
      }
      if (open.size > 0) {
        let limit: NodeJS.Timeout | undefined;
        await Promise.race([
          new Promise<void>((resolve) => {
            emptied = resolve;
          }),
          new Promise<void>((resolve) => {
            limit = setTimeout(resolve, deadlineMs);
          }),
        ]);
        clearTimeout(limit);
      }
      clearInterval(timer);
      for (const connection of open) connection.terminate();
    },
  };
}

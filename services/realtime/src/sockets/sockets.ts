import { CLOSE_CODES, LIVE_SUBPROTOCOL } from '@tidemark/contracts';
import { every, identityKey, networkOf, SharedLimit } from '@tidemark/service';
import { drainClients } from '../draining/drain-clients.ts';
import type { RealtimeEvent } from '../events.ts';
import { type Accepted, Connection, type ConnectionContext } from './connection.ts';
import { handleFrame } from './handlers/index.ts';

export interface SocketsOptions
  extends Omit<ConnectionContext, 'handle' | 'onBuffered' | 'onClosed' | 'onFrame' | 'waitingFrames'> {
  waitingFrameBytes: number;
  sharePercent: number;
  observe: (event: RealtimeEvent) => void;
}

export interface Sockets {
  accept(accepted: Accepted): void;
  counts(): {
    open: number;
    openedTotal: number;
    closedTotal: number;
    framesTotal: number;
    bufferedBytes: number;
    waitingFrameBytes: number;
  };
  /** Clients reconnect spread over `overMs`; then those that stay are closed. */
  drain(overMs: number, where: () => string | undefined): Promise<void>;
}

const TICK_MS = 1_000;
const REFUSED_MS = 1_000;
const STOPPING = 'this instance is stopping';

export function createSockets(options: SocketsOptions): Sockets {
  const open = new Set<Connection>();
  const buffered = new Set<Connection>();
  let openedTotal = 0;
  let closedTotal = 0;
  let framesTotal = 0;
  let draining = false;

  const waitingFrames = new SharedLimit(options.waitingFrameBytes, options.sharePercent);
  const context: ConnectionContext = {
    ...options,
    waitingFrames,
    handle: handleFrame,
    onFrame() {
      framesTotal += 1;
    },
    onBuffered(connection) {
      buffered.add(connection);
    },
    onClosed(connection) {
      buffered.delete(connection);
      if (open.delete(connection)) closedTotal += 1;
    },
  };
  const tickAll = () => {
    const now = Date.now();
    for (const connection of open) if (connection.checkAt <= now) connection.check(now);
    for (const connection of buffered) {
      connection.checkBuffer(now);
      if (connection.bufferedBytes === 0) buffered.delete(connection);
    }
  };
  const timer = every('sockets', TICK_MS, tickAll, options.observe);

  const { admission } = options;

  function refusal({ offered, address, hasToken }: Accepted): { code: number; reason: string } | undefined {
    if (draining) return { code: CLOSE_CODES.GOING_AWAY, reason: STOPPING };
    const full = admission.sockets.refuses(identityKey(undefined, networkOf(address)));
    if (full?.where === 'instance') {
      return { code: CLOSE_CODES.TRY_AGAIN_LATER, reason: `this instance has its ${full.limit} sockets` };
    }
    if (full?.where === 'share' && !hasToken) {
      admission.refused('sockets');
      const reason = `your address has its ${full.limit} sockets on a busy instance`;
      return { code: CLOSE_CODES.TRY_AGAIN_LATER, reason };
    }
    const protocols = offered?.split(',').map((protocol) => protocol.trim());
    if (protocols && !protocols.includes(LIVE_SUBPROTOCOL)) {
      return { code: CLOSE_CODES.BAD_SUBPROTOCOL, reason: `only the subprotocol ${LIVE_SUBPROTOCOL} is spoken here` };
    }
    return undefined;
  }

  return {
    accept(accepted) {
      const { ws } = accepted;
      const refused = refusal(accepted);
      if (refused) {
        options.observe({ type: 'socket.refused', reason: refused.reason });
        ws.on('error', () => ws.terminate());
        ws.close(refused.code, refused.reason);
        // No limit counts a refused socket, so it must not stay open.
        const timer = setTimeout(() => ws.terminate(), REFUSED_MS);
        ws.once('close', () => clearTimeout(timer));
        return;
      }
      openedTotal += 1;
      open.add(new Connection(String(openedTotal), accepted, context));
    },
    counts() {
      let bufferedBytes = 0;
      for (const connection of buffered) bufferedBytes += connection.bufferedBytes;
      return {
        open: open.size,
        openedTotal,
        closedTotal,
        framesTotal,
        bufferedBytes,
        waitingFrameBytes: waitingFrames.used,
      };
    },
    async drain(overMs, where) {
      draining = true;
      const leavers = [...open].map((connection) => ({
        isGone: () => !open.has(connection),
        tell: (ms: number) => connection.sendDraining(ms, where()),
        close: () => connection.close(CLOSE_CODES.GOING_AWAY, STOPPING),
        cut: () => connection.terminate(),
      }));
      await drainClients(leavers, overMs);
      timer.stop();
    },
  };
}

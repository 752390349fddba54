/** A WebSocket whose connection the story can cut, as a lost network does. */
import { WebSocket } from 'ws';

export interface Cuttable {
  /** Pass it to `createClient`. */
  readonly WebSocket: unknown;
  /** Destroys the connections that are open, without a closing handshake. Returns their number. */
  cut(): number;
}

export function cuttable(): Cuttable {
  const open = new Set<WebSocket>();
  class CutWebSocket extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols);
      open.add(this);
      this.on('close', () => open.delete(this));
    }
  }
  return {
    WebSocket: CutWebSocket,
    cut() {
      const count = open.size;
      for (const socket of open) socket.terminate();
      return count;
    },
  };
}

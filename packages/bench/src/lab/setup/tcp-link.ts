/** A TCP server between two others, which can be cut, or lose all that is sent while both ends see it open. */
import net, { type AddressInfo } from 'node:net';

export interface TcpLink {
  readonly port: number;
  /** Ends all connections and accepts no others. */
  cut(): void;
  /** Connections stay open, and nothing arrives. */
  stall(): void;
  restore(): void;
  stop(): Promise<void>;
}

export async function startTcpLink(targetPort: number): Promise<TcpLink> {
  const sockets = new Set<net.Socket>();
  let state: 'open' | 'cut' | 'stalled' = 'open';
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = net.createServer((near) => {
    if (state === 'cut') return near.destroy();
    const far = net.connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('data', (data) => {
        if (state === 'open') to.write(data);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      state = 'cut';
      destroyAll();
    },
    stall() {
      state = 'stalled';
    },
    restore() {
      // Bytes are missing in what was stalled, so both ends must begin again.
      if (state === 'stalled') destroyAll();
      state = 'open';
    },
    async stop() {
      destroyAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

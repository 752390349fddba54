/** A server between a service and Postgres or NATS, that can be taken away and given back. */
import net, { type AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface TcpProxy {
  /** The given URL, with the proxy in place of its host and port. */
  url: string;
  cut(): void;
  restore(): void;
}

export async function startTcpProxy(t: Test, target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<net.Socket>();
  let isCut = false;
  const server = net.createServer((near) => {
    const far = net.connect(Number(port), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
    if (isCut) near.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(() => {
    close();
    server.close();
  });
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    cut() {
      isCut = true;
      close();
    },
    restore() {
      isCut = false;
    },
  };
}

/** A WebSocket's handshake, byte by byte, and a wait for what a proxy does. */
import { connect, type Socket } from 'node:net';

const HANDSHAKE =
  'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

/** `more`: lines of the head. `closed` resolves to all that came. */
export function openHandshake(
  url: string,
  more = '',
  path = '/live',
): { socket: Socket; text: () => string; closed: Promise<string> } {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('latin1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  // The proxy cuts connections on purpose.
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\n${HANDSHAKE}${more}\r\n`, 'latin1');
  return { socket, text: () => text, closed: new Promise((resolve) => socket.once('close', () => resolve(text))) };
}

/** This needs no client library. */
import { createConnection } from 'node:net';

const TIMEOUT_MS = 5_000;
const INBOX = '_INBOX.local-stack';

export function natsRequest<T>(url: string, subject: string, payload = '', timeoutMs = TIMEOUT_MS): Promise<T> {
  const { hostname, port, username, password } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: hostname, port: Number(port), timeout: timeoutMs });
    const end = (settle: () => void) => {
      socket.destroy();
      settle();
    };
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      if (received === '') {
        const options = { user: username, pass: password, verbose: false, pedantic: false, headers: false };
        socket.write(`CONNECT ${JSON.stringify(options)}\r\nSUB ${INBOX} 1\r\n`);
        socket.write(`PUB ${subject} ${INBOX} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`);
      }
      received += chunk;
      const refused = /^-ERR (.*)\r$/m.exec(received);
      if (refused) return end(() => reject(new Error(`NATS: ${refused[1]}`)));
      const found = /^MSG \S+ 1 (\d+)\r\n/m.exec(received);
      if (!found) return;
      const body = Buffer.from(received.slice(found.index + found[0].length));
      const length = Number(found[1]);
      if (body.length >= length) end(() => resolve(JSON.parse(body.subarray(0, length).toString()) as T));
    });
    socket.once('timeout', () => end(() => reject(new Error(`NATS did not answer within ${timeoutMs} ms`))));
    socket.once('error', (error) => end(() => reject(error)));
    socket.once('close', () => reject(new Error('NATS closed the connection')));
  });
}

/** A slow body is cut off, a slow upload that goes on is not. */
import { connect } from 'node:net';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const gateway = await useGateway(t, { env: { REQUEST_TIMEOUT_MS: '1000' } });
const token = await gateway.token({ role: 'authenticated', sub: 'ada' });

/** Sends a byte each 200 ms; resolves to what came back. */
function drip(line: string, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let text = '';
    let left = bytes;
    socket.setEncoding('utf8').on('error', reject);
    socket.write(`${line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n`);
    socket.write(`content-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`);
    const timer = setInterval(() => {
      if (left > 0 && socket.writable) socket.write(' ');
      left -= 1;
    }, 200);
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => {
      clearInterval(timer);
      resolve(text);
    });
  });
}

t.test('answers 408 to a slow body, but lets a slow upload take longer', async (t) => {
  const [body, upload] = await Promise.all([drip('POST /rest/v1/x', 10), drip('PUT /api/v1/files/slow', 10)]);
  t.match(body, /^HTTP\/1\.1 408 /);
  t.match(upload, /^HTTP\/1\.1 201 /, 'longer than REQUEST_TIMEOUT_MS');
});

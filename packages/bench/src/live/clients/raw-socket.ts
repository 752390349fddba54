/**
 * Counts frames and parses a few: reading a frame must cost less than the server's write, or the clients are what is
 * measured.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export type Dialect = 'tidemark' | 'ws' | 'socket.io';

export interface RawSocketOptions {
  url: string;
  dialect?: Dialect;
  path?: string;
  token?: string | undefined;
  hello?: string | undefined;
  onReady(): void;
  onChange?(payload: Buffer): void;
  onOther?(text: string): void;
}

export const CONNECTION_ENDED = 'the connection has ended';

/** Data is processed before the next read, so that all sockets of the process share one buffer. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);
const C = 'c'.charCodeAt(0);
const S = 's'.charCodeAt(0);
const U = 'u'.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);
const TWO = '2'.charCodeAt(0);
const FOUR = '4'.charCodeAt(0);
const OP = 7;
const TEXT = 1;
const PING = 9;
/** RFC 6455 §5.5.3: final, opcode 10, masked with zeros, for pings without a payload. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

export function openRawSocket(options: RawSocketOptions): Socket {
  const { url, dialect = 'tidemark', path = '/live', token, hello, onReady } = options;
  const onChange = options.onChange ?? (() => undefined);
  const onOther = options.onOther ?? (() => undefined);
  let rest: Buffer | undefined;
  let upgraded = false;
  const socket = connect({
    port: Number(new URL(url).port),
    host: '127.0.0.1',
    onread: { buffer: shared, callback: (size, buffer) => received((buffer as Buffer).subarray(0, size)) },
  });
  socket.setNoDelay(true);
  socket.on('error', (error) => onOther(error.message));
  socket.on('close', () => onOther(CONNECTION_ENDED));
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
      `${dialect === 'tidemark' ? 'Sec-WebSocket-Protocol: tidemark.v1\r\n' : ''}` +
      `${token === undefined ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`,
  );

  function received(read: Buffer): boolean {
    let data = rest ? Buffer.concat([rest, read]) : read;
    rest = undefined;
    if (!upgraded) {
      const end = data.indexOf('\r\n\r\n');
      if (end >= 0) {
        upgraded = true;
        if (!data.toString('latin1', 0, 12).endsWith('101')) onOther(data.toString('latin1', 0, 200));
        data = data.subarray(end + 4);
        if (hello !== undefined) socket.write(maskedFrame(hello));
        if (dialect === 'ws') onReady();
      }
    }
    const at = upgraded ? frames(data) : 0;
    if (at < data.length) rest = Buffer.from(data.subarray(at));
    return true;
  }

  function frames(data: Buffer): number {
    let at = 0;
    while (at + 2 <= data.length) {
      let length = (data[at + 1] as number) & 127;
      let head = 2;
      if (length === 126) {
        if (at + 4 > data.length) break;
        length = data.readUInt16BE(at + 2);
        head = 4;
      } else if (length === 127) {
        if (at + 10 > data.length) break;
        length = Number(data.readBigUInt64BE(at + 2));
        head = 10;
      }
      const end = at + head + length;
      if (end > data.length) break;
      const opcode = (data[at] as number) & 15;
      if (opcode === TEXT) frame(data.subarray(at + head, end));
      else if (opcode === PING) socket.write(PONG);
      at = end;
    }
    return at;
  }

  function frame(payload: Buffer): void {
    const isIo = dialect === 'socket.io';
    if (isIo ? payload[0] === FOUR && payload[1] === TWO : payload[0] === BRACE && payload[OP] === C) {
      onChange(payload);
      return;
    }
    // Engine.IO opens with 0{…}, pings with 2 (every 25 s), and confirms the namespace with 40.
    if (isIo) {
      const text = payload.toString();
      if (text.startsWith('0')) socket.write(maskedFrame('40'));
      else if (text.startsWith('40')) onReady();
      else if (text === '2') socket.write(maskedFrame('3'));
      else onOther(text);
    } else if (payload[OP] === S && payload[OP + 1] === U) onReady();
    else if (!payload.toString('latin1', OP, OP + 5).startsWith('ready')) onOther(payload.toString());
  }
  return socket;
}

/** RFC 6455 §5.3: clients mask frames; a mask of zeros keeps the bytes. */
function maskedFrame(text: string): Buffer {
  const body = Buffer.from(text);
  const long = body.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x81;
  head[1] = 0x80 | (long ? 126 : body.length);
  if (long) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/**
 * A WebSocket client that does as little as can be: it counts frames and reads a few. One of a thousand in a process must cost
 * less than the server's write to it, or the load is what is measured. All contenders are read by it.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export type Dialect = 'tidemark' | 'ws' | 'socket.io';

export interface RawSocketOptions {
  dialect: Dialect;
  port: number;
  path: string;
  token: string | undefined;
  /** Sent once it is open. */
  hello: string | undefined;
  onReady(): void;
  /** `payload` is valid during the call. */
  onChange(payload: Buffer): void;
  /** Neither a change nor what belongs to opening: an error, a resync, an end. */
  onOther(text: string): void;
}

/** Data is handled before the next read: one buffer for all sockets of the process. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);
const C = 'c'.charCodeAt(0);
const S = 's'.charCodeAt(0);
const U = 'u'.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);
const TWO = '2'.charCodeAt(0);
const FOUR = '4'.charCodeAt(0);
/** `{"op":"` */
const OP = 7;
const TEXT = 1;
const PING = 9;
/** RFC 6455 §5.5.3: final, opcode 10, masked with zeros; the pings that are answered have no payload. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

export function openRawSocket(options: RawSocketOptions): Socket {
  const { dialect } = options;
  let rest: Buffer | undefined;
  let upgraded = false;
  const socket = connect({
    port: options.port,
    host: '127.0.0.1',
    onread: { buffer: shared, callback: (size, buffer) => received((buffer as Buffer).subarray(0, size)) },
  });
  socket.setNoDelay(true);
  socket.on('error', (error) => options.onOther(error.message));
  socket.on('close', () => options.onOther('the connection has ended'));
  socket.write(
    `GET ${options.path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
      `${dialect === 'tidemark' ? 'Sec-WebSocket-Protocol: tidemark.v1\r\n' : ''}` +
      `${options.token === undefined ? '' : `Authorization: Bearer ${options.token}\r\n`}\r\n`,
  );

  function received(read: Buffer): boolean {
    let data = rest ? Buffer.concat([rest, read]) : read;
    rest = undefined;
    if (!upgraded) {
      const end = data.indexOf('\r\n\r\n');
      if (end >= 0) {
        upgraded = true;
        if (!data.toString('latin1', 0, 12).endsWith('101')) options.onOther(data.toString('latin1', 0, 200));
        data = data.subarray(end + 4);
        if (options.hello !== undefined) socket.write(maskedFrame(options.hello));
        if (dialect === 'ws') options.onReady();
      }
    }
    const at = upgraded ? frames(data) : 0;
    if (at < data.length) rest = Buffer.from(data.subarray(at));
    return true;
  }

  /** @returns where the first frame that is not whole begins */
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
      options.onChange(payload);
      return;
    }
    // Engine.IO opens with 0{…}, asks with 2 (once in 25 s), and says 40 when the namespace is joined.
    if (isIo) {
      const text = payload.toString();
      if (text.startsWith('0')) socket.write(maskedFrame('40'));
      else if (text.startsWith('40')) options.onReady();
      else if (text === '2') socket.write(maskedFrame('3'));
      else options.onOther(text);
    } else if (payload[OP] === S && payload[OP + 1] === U) options.onReady();
    else if (!payload.toString('latin1', OP, OP + 5).startsWith('ready')) options.onOther(payload.toString());
  }
  return socket;
}

/** RFC 6455 §5.3: a client masks; with zeros the bytes stay as they are. */
function maskedFrame(text: string): Buffer {
  const body = Buffer.from(text);
  const long = body.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = 0x81;
  head[1] = 0x80 | (long ? 126 : body.length);
  if (long) head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

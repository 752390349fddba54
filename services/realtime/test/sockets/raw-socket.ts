/** A WebSocket over a plain TCP socket, for frames that a client library does not send. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from '@tidemark/testing';

const OPCODE = { text: 1, binary: 2, close: 8 } as const;

export class RawSocket {
  readonly tcp: Socket;
  isClosed = false;
  #received = Buffer.alloc(0);

  private constructor(tcp: Socket) {
    this.tcp = tcp;
    tcp.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
    });
    // The close event follows.
    tcp.on('error', () => {});
    tcp.on('close', () => {
      this.isClosed = true;
    });
  }

  /** Resolves after the answer to the upgrade. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<RawSocket> {
    const tcp = connect(Number(new URL(url).port), '127.0.0.1');
    await once(tcp, 'connect');
    const raw = new RawSocket(tcp);
    const lines = Object.entries({
      Host: 'x',
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    tcp.write(`GET /live HTTP/1.1\r\n${lines.join('')}\r\n`);
    await until(() => raw.#received.includes('\r\n\r\n'), 'the answer to the upgrade');
    raw.#received = raw.#received.subarray(raw.#received.indexOf('\r\n\r\n') + 4);
    return raw;
  }

  /** A masked frame's head that announces `length` bytes, with `payload` behind it (mask 0). */
  send(opcode: number, length: number, payload: Buffer | string = '', isFinal = true): void {
    const head = Buffer.alloc(14);
    head[0] = (isFinal ? 0x80 : 0) | opcode;
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
    this.tcp.write(Buffer.concat([head, Buffer.from(payload)]));
  }

  text(text: string, isFinal = true): void {
    this.send(OPCODE.text, Buffer.byteLength(text), text, isFinal);
  }

  /** The code of the close frame, once it is there. */
  async closeCode(): Promise<number> {
    let code: number | undefined;
    await until(
      () => {
        for (let at = 0; at + 2 <= this.#received.length; ) {
          const opcode = (this.#received[at] as number) & 0xf;
          const short = this.#received[at + 1] as number;
          const head = short < 126 ? 2 : 4;
          const length = short < 126 ? short : this.#received.readUInt16BE(at + 2);
          if (opcode === OPCODE.close && length >= 2) code = this.#received.readUInt16BE(at + head);
          at += head + length;
        }
        return code !== undefined;
      },
      () => `a close frame; it ${this.isClosed ? 'is closed after' : 'has'} ${this.#received.toString('latin1')}`,
    );
    return code as number;
  }
}

/**
 * Heads of replies as texts, taken from responses that Node has composed:
 *
 *   HTTP/1.1 200 OK … tidemark: │ 0mx-0000000001E79EB0 │ Date: … Connection: keep-alive … and the empty line
 *          of the record              of the answer             of this second, the same for all records
 *
 * Node composes the first head of each record and the first one of each second. The texts are for connections that are kept alive.
 */
import type { IncomingMessage } from 'node:http';
import { TIDEMARK_HEADER } from '@tidemark/contracts';
import type { OneWriteResponse } from '@tidemark/service';

/** The head up to the tidemark's value. */
export interface HeadStart {
  start?: string;
}

/** Matches the headers that Node appends to the recorded ones; a head with anything else is not repeated. */
const END = /^\r\nDate: [^\r]+\r\nConnection: keep-alive\r\n(?:Keep-Alive: [^\r]+\r\n)?\r\n$/;

export class RepeatedHeads {
  #end = '';
  #second = Number.NaN;

  /** Returns undefined where Node must compose the head. */
  get({ start }: HeadStart, tidemark: string): string | undefined {
    return start === undefined || this.#second !== currentSecond() ? undefined : start + tidemark + this.#end;
  }

  /** Takes the head of a response, whose last recorded header is the tidemark. */
  take(record: HeadStart, tidemark: string, { head = '' }: OneWriteResponse): void {
    const name = `\r\n${TIDEMARK_HEADER}: `;
    const at = head.lastIndexOf(`${name}${tidemark}\r\n`) + name.length;
    const end = head.slice(at + tidemark.length);
    if (at < name.length || !END.test(end)) return;
    record.start = head.slice(0, at);
    this.#end = end;
    this.#second = currentSecond();
  }
}

/** Node answers other requests with other headers about the connection, or closes it. */
export const keepsAlive = (request: IncomingMessage, response: OneWriteResponse): boolean =>
  response.shouldKeepAlive && request.httpVersionMinor === 1 && request.httpVersionMajor === 1;

const currentSecond = () => Math.floor(Date.now() / 1_000);

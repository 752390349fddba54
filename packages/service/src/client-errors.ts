/**
 * Requests that never become one: Node's parser gives up on them, or they do not come in time. Answered as problem+json on
 * the bare socket, which is then closed, as where the next request begins is unknown (RFC 9112 §9.3).
 */
import type { Socket } from 'node:net';
import { PROBLEM_CONTENT_TYPE, type TidemarkError, toProblem } from '@tidemark/contracts';
import { httpErrors } from './errors.ts';

/** Node's default for `http.createServer`, said aloud. */
export const DEFAULT_HEADER_BYTES = 16 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** The whole answer as bytes to be: for a socket without a response object. */
export function rawAnswer(error: TidemarkError): string {
  const body = JSON.stringify(toProblem(error));
  const retry = error.retryAfter === undefined ? '' : `retry-after: ${Math.ceil(error.retryAfter)}\r\n`;
  return (
    `HTTP/1.1 ${error.status} ${REASONS[error.status] ?? 'Error'}\r\nconnection: close\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
    `${retry}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

type ClientError = Error & { code?: string; rawPacket?: Buffer; reason?: string };
/** Node keeps the response that is being written to a socket here; it has no other way to ask. */
type AnsweringSocket = Socket & { _httpMessage?: { headersSent: boolean } | null };

/** For fastify's `clientErrorHandler`. `maxHeaderSize` in bytes, as the server was made with. */
export function answerClientError(maxHeaderSize: number, onRefused?: (status: number) => void) {
  return (error: ClientError, socket: Socket): void => {
    // Gone, or half an answer is on the way: anything more would be taken for a part of it.
    if (error.code === 'ECONNRESET' || !socket.writable || (socket as AnsweringSocket)._httpMessage?.headersSent) {
      socket.destroy(error);
      return;
    }
    const refusal = refusalOf(error, maxHeaderSize);
    onRefused?.(refusal.status);
    answerOnSocket(socket, refusal);
  };
}

/** Answers and closes a socket that no response object belongs to. */
export function answerOnSocket(socket: Socket, error: TidemarkError): void {
  // The client may have gone; nothing is left to do for it then.
  socket.on('error', () => socket.destroy());
  socket.end(rawAnswer(error));
  // What still comes is thrown away, and a client that goes on sending does not hold the socket open.
  socket.resume();
  socket.once('finish', () => socket.destroy());
}

function refusalOf(error: ClientError, bytes: number): TidemarkError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return isOneLine(error.rawPacket) ? httpErrors.URL_TOO_LONG({ bytes }) : httpErrors.HEADERS_TOO_LARGE({ bytes });
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return httpErrors.CHUNK_EXTENSIONS();
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return httpErrors.TOO_SLOW();
    default:
      return httpErrors.NOT_HTTP({ reason: (error.reason ?? error.code ?? error.message).slice(0, 100) });
  }
}

/** The limit was passed within the request line. A URL that came in several packets is taken for headers: the remedy is the same. */
function isOneLine(packet: Buffer | undefined): boolean {
  return packet !== undefined && !packet.includes(0x0a) && /^[A-Z]{3,7} \S/.test(packet.toString('latin1', 0, 16));
}

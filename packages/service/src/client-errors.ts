/** Responses on the bare socket, which is then closed: the start of the next request is unknown (RFC 9112 §9.3). */
import type { Socket } from 'node:net';
import { PROBLEM_CONTENT_TYPE, type TidemarkError, toProblem } from '@tidemark/contracts';
import { httpErrors } from './errors.ts';

/** Node's default for `http.createServer`. */
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

export function rawAnswer(error: TidemarkError): string {
  const body = JSON.stringify(toProblem(error));
  const retry = error.retryAfter === undefined ? '' : `retry-after: ${Math.ceil(error.retryAfter)}\r\n`;
  return (
    `HTTP/1.1 ${error.status} ${REASONS[error.status] ?? 'Error'}\r\nconnection: close\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
    `${retry}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

type ClientError = Error & { code?: string; rawPacket?: Buffer; reason?: string };
/** Node keeps the response that is being written to a socket under this key, and has no public API for it. */
type AnsweringSocket = Socket & { _httpMessage?: { headersSent: boolean } | null };

export function answerClientError(maxHeaderSize: number, onRefused?: (status: number) => void) {
  return (error: ClientError, socket: Socket): void => {
    // The socket is closed, or a response is partly written: further bytes would become part of it.
    if (error.code === 'ECONNRESET' || !socket.writable || (socket as AnsweringSocket)._httpMessage?.headersSent) {
      socket.destroy(error);
      return;
    }
    const refusal = refusalOf(error, maxHeaderSize);
    onRefused?.(refusal.status);
    answerOnSocket(socket, refusal);
  };
}

export function answerOnSocket(socket: Socket, error: TidemarkError): void {
  socket.on('error', () => socket.destroy());
  socket.end(rawAnswer(error));
  // Discards further data, and destroys the socket even if the client keeps sending.
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

/** A URL that arrived in several packets counts as headers; the hint is the same. */
function isOneLine(packet: Buffer | undefined): boolean {
  return packet !== undefined && !packet.includes(0x0a) && /^[A-Z]{3,7} \S/.test(packet.toString('latin1', 0, 16));
}

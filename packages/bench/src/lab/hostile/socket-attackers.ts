import { randomBytes } from 'node:crypto';
import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { pause } from '../../measuring/waiting.ts';
import { type Attacker, count, openSocket, RESPONSE_MS, within } from './attacker.ts';

const UPGRADE =
  'HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n`;

const HALF_UPLOAD =
  'POST /api/v1/files HTTP/1.1\r\nHost: lab\r\nContent-Type: multipart/form-data; boundary=half\r\nContent-Length: 1000000\r\n\r\n' +
  '--half\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf';

const halfUploads: Attacker = {
  name: 'half-uploads',
  isRefused: true,
  async attempt(target, outcome) {
    const socket = openSocket(target, HALF_UPLOAD);
    const isAnswered = await within(socket, 'data', RESPONSE_MS);
    socket.destroy();
    count(outcome, isAnswered ? 'refused' : 'unanswered', target);
  },
};

const SENT_PIECES = 256;
const PIECE = Buffer.alloc(64 * 1024);
/** RFC 6455 §5.2: a final, masked text frame with a length of 64 bits. */
const FRAME_HEAD = Buffer.alloc(14);
FRAME_HEAD[0] = 0x81;
FRAME_HEAD[1] = 0xff;
FRAME_HEAD.writeBigUInt64BE(100n * 1024n ** 2n, 2);

const hugeFrames: Attacker = {
  name: 'huge-frames',
  isRefused: true,
  async attempt(target, outcome) {
    const socket = openSocket(target, `GET /live ${UPGRADE}Sec-WebSocket-Protocol: tidemark.v1\r\n\r\n`);
    if (!(await within(socket, 'data', RESPONSE_MS))) {
      socket.destroy();
      return count(outcome, 'unanswered', target);
    }
    socket.resume();
    socket.write(FRAME_HEAD);
    for (let n = 0; n < SENT_PIECES && !socket.destroyed && socket.writable; n += 1) {
      if (!socket.write(PIECE)) await within(socket, 'drain', RESPONSE_MS);
    }
    const isClosed = socket.destroyed || (await within(socket, 'close', RESPONSE_MS));
    socket.destroy();
    count(outcome, isClosed ? 'refused' : 'served', target);
  },
};

const UPGRADES = [
  'GET /rest/v1/entries?limit=1 HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  `GET /rest/v1/entries?limit=1 ${UPGRADE}\r\n`,
];
let next = 0;

/** The server may answer or refuse, but not leave the connection open. */
const oddUpgrades: Attacker = {
  name: 'odd-upgrades',
  isRefused: false,
  async attempt(target, outcome) {
    next += 1;
    const socket = openSocket(target, UPGRADES[next % UPGRADES.length] as string);
    const isAnswered = await within(socket, 'data', RESPONSE_MS);
    socket.destroy();
    count(outcome, isAnswered ? 'served' : 'unanswered', target);
  },
};

/** A pattern with hundreds of thousands of states, to be matched with each change. */
const REGEX = 'entries?note=match..{0,255}.{0,255}.{0,255}Z';
const REGEX_HELLO = JSON.stringify({ op: 'subscribe', id: 'a', query: REGEX, snapshot: false });
/** Changes are matched while an accepted subscription stays. */
const STAY_MS = 1_000;

const regexSubscriptions: Attacker = {
  name: 'regex-subscriptions',
  isRefused: true,
  async attempt(target, outcome) {
    const result = await new Promise<'refused' | 'served' | 'unanswered'>((resolve) => {
      const timer = setTimeout(done, RESPONSE_MS, 'unanswered');
      const socket = openRawSocket({
        url: target.url,
        hello: REGEX_HELLO,
        onReady: () => void setTimeout(done, STAY_MS, 'served'),
        onOther: () => done('refused'),
      });
      function done(how: 'refused' | 'served' | 'unanswered') {
        clearTimeout(timer);
        socket.destroy();
        resolve(how);
      }
    });
    count(outcome, result, target);
  },
};

const LARGE_REQUEST = 'GET /rest/v1/children?select=id,note,parent HTTP/1.1\r\nHost: lab\r\n\r\n';
/** The responses together exceed the kernel's buffers of a connection. */
const LARGE_REQUESTS = 8;
const AGAIN_MS = 250;
/** The trial sets SLOW_READER_MS well below this; the rest is for a busy machine. */
const HOLD_MS = 30_000;

const slowReaders: Attacker = {
  name: 'slow-readers',
  isRefused: true,
  async attempt(target, outcome) {
    const socket = openSocket(target, LARGE_REQUEST.repeat(LARGE_REQUESTS));
    socket.pause();
    const startedAt = performance.now();
    // A socket that does not read notices the end of its connection by writing only.
    while (!socket.destroyed && performance.now() - startedAt < HOLD_MS) {
      await pause(AGAIN_MS);
      socket.write(LARGE_REQUEST);
    }
    count(outcome, socket.destroyed ? 'refused' : 'served', target);
    socket.destroy();
  },
};

export const socketAttackers = [halfUploads, hugeFrames, oddUpgrades, regexSubscriptions, slowReaders];

/** More sockets and requests than a process may have open files. */
import { connect, type Socket } from 'node:net';
import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { SERVICE_NAMES } from '../../processes/services.ts';
import { ENTRIES, nothingLost, startRecordedLoad } from '../load/recorded-load.ts';
import { allRun, probe, startFourServices } from '../setup/four-services.ts';
import { atLeast, type Finding, none, type Trial } from '../trial.ts';

const DESCRIPTORS = 512;
/** Each WebSocket needs two descriptors in the gateway. */
const SOCKETS = { quick: 450, full: 1_000 };
const CONNECTIONS = { quick: 600, full: 2_000 };
const EXHAUSTED_MS = { quick: 1_500, full: 20_000 };
const WRITERS = 4;
const AT_ONCE = 25;
const NEW_SOCKETS = 20;
const RECOVERY_MS = 30_000;
const HELLO = JSON.stringify({ op: 'subscribe', id: 'a', query: 'entries?limit=1' });

export const descriptorsExhausted: Trial = {
  name: 'descriptors-exhausted',
  claim:
    'with more clients than descriptors every service keeps running, new clients get 503, and probes and old clients are answered',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const servers = await context.database(`${ENTRIES} alter publication tidemark add table public.entries;`);
    const services = await startFourServices(context, servers, { descriptors: DESCRIPTORS });
    const { gateway } = services;
    const load = context.stopAtEnd(startRecordedLoad(gateway.url, { clients: WRITERS }));
    await until('the first insert', () => load.acknowledged.size > 0);

    const sockets = context.stopAtEnd(await openSockets(gateway, SOCKETS[mode]));
    const crowds = SERVICE_NAMES.map((name) => context.stopAtEnd(openConnections(services[name], CONNECTIONS[mode])));
    const exhaustedAt = performance.now();
    const probes: (number | string)[] = [];
    const newcomers: NewClient[] = [];
    const insertsBefore = load.acknowledged.size;
    const isSeen = () => newcomers.some(({ status }) => status === 503) && load.acknowledged.size > insertsBefore;
    // On a busy machine the expected events may come late.
    const isOver = (ms: number) => ms >= EXHAUSTED_MS[mode] && (isSeen() || ms >= RECOVERY_MS);
    while (!isOver(performance.now() - exhaustedAt)) {
      for (const name of SERVICE_NAMES) probes.push(await probe(services[name].url));
      newcomers.push(await newClient(gateway));
      await pause(50);
    }
    const inserts = load.acknowledged.size - insertsBefore;
    const open = sockets.open();
    context.log(`${open} sockets open, ${sockets.refusals.length} refused; ${inserts} inserts meanwhile`);
    const found = [
      atLeast('accepted sockets', 50, open),
      atLeast('refused sockets', 1, sockets.refusals.length),
      none('refusals other than 503', sockets.refusals.filter((text) => !/^HTTP\/1\.1 503/.test(text)).length),
      none('unanswered probes', probes.filter((status) => status !== 200).length),
      none(
        'new clients with neither a response nor 503 and Retry-After',
        newcomers.filter((one) => !one.isTold).length,
      ),
      atLeast('new clients with 503', 1, newcomers.filter(({ status }) => status === 503).length),
      atLeast('inserts of the old clients', 1, inserts),
      ...(await allRun(services)),
    ];

    await sockets.stop();
    for (const crowd of crowds) await crowd.stop();
    await until('new clients to be served again', async () => (await newClient(gateway)).status === 200, RECOVERY_MS);
    await until('sockets to be accepted again', () => accepts(gateway), RECOVERY_MS);
    await load.stop();
    return [...found, await nothingLost(servers.primaryUrl, load)];
  },
};

/** Resolves when each is accepted or refused. The service cuts the oldest of more than 32 that come at once past the limit. */
async function openSockets(gateway: ServerProcess, count: number) {
  const open = new Set<Socket>();
  const refusals: string[] = [];
  for (let n = 0; n < count; n += 1) {
    if (n % AT_ONCE === 0) await until('sockets to be accepted or refused', () => open.size + refusals.length === n);
    let ended = false;
    const socket: Socket = openRawSocket({
      url: gateway.url,
      hello: HELLO,
      onReady: () => open.add(socket),
      onOther(text) {
        open.delete(socket);
        if (!ended) refusals.push(text);
        ended = true;
        socket.destroy();
      },
    });
  }
  await until('every socket to be accepted or refused', () => open.size + refusals.length === count);
  return {
    refusals,
    open: () => open.size,
    async stop() {
      for (const socket of open) socket.destroy();
    },
  };
}

/** A client that was refused comes again, so each call opens new sockets. */
async function accepts(gateway: ServerProcess): Promise<boolean> {
  const sockets = await openSockets(gateway, NEW_SOCKETS);
  const areOpen = sockets.open() === NEW_SOCKETS;
  await sockets.stop();
  return areOpen;
}

function openConnections(service: ServerProcess, count: number) {
  const port = Number(new URL(service.url).port);
  const sockets = Array.from({ length: count }, (_, n) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.resume();
    if (n % 2 === 0) socket.write('GET /rest/v1/entries?limit=1 HTTP/1.1\r\nHost: lab\r\n\r\n');
    return socket;
  });
  return {
    async stop() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

interface NewClient {
  status: number;
  isTold: boolean;
}

async function newClient(gateway: ServerProcess): Promise<NewClient> {
  const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(10_000) };
  try {
    const response = await fetch(`${gateway.url}/rest/v1/entries?limit=1`, options);
    await response.arrayBuffer();
    const { status, headers } = response;
    return { status, isTold: status === 200 || (status === 503 && headers.has('retry-after')) };
  } catch {
    return { status: 0, isTold: false };
  }
}

/** More sockets and requests than a process may have open files. */
import { connect, type Socket } from 'node:net';
import { runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { createEntries, startRecordedLoad } from '../load/recorded-load.ts';
import { allRun, probe, SERVICE_NAMES, startFourServices } from '../setup/four-services.ts';
import { atLeast, atMost, equal, type Finding, type Trial } from '../trial.ts';

/** `ulimit -n` of each service. */
const DESCRIPTORS = 512;
/** WebSockets through the gateway's proxy, each of which takes two; then plain connections to every service. */
const SOCKETS = { quick: 450, full: 1_000 };
const CONNECTIONS = { quick: 600, full: 2_000 };
/** Time for which no descriptor is free, ms. */
const FULL_MS = { quick: 1_500, full: 20_000 };
const WRITERS = 4;
const RECOVERY_MS = 30_000;
const HELLO = JSON.stringify({ op: 'subscribe', id: 'a', query: 'entries?limit=1' });

export const descriptorsExhausted: Trial = {
  name: 'descriptors-exhausted',
  claim:
    'with more clients than descriptors every service runs on, newcomers get 503, and probes and old clients are answered',
  async run(context): Promise<Finding[]> {
    const kind = context.quick ? 'quick' : 'full';
    const stack = await context.stack();
    const { primaryUrl } = await context.database();
    await createEntries(primaryUrl);
    await runScript(primaryUrl, 'alter publication tidemark add table public.entries');
    const services = await startFourServices(context, {
      primaryUrl,
      natsUrl: stack.natsUrl,
      descriptors: DESCRIPTORS,
    });
    const { gateway } = services;
    const load = startRecordedLoad(gateway.url, { clients: WRITERS });
    context.cleanup(() => load.stop());
    await until('the first insert', () => load.acknowledged.size > 0);

    const sockets = openSockets(gateway, SOCKETS[kind]);
    context.cleanup(async () => sockets.close());
    await until('every socket to be taken or refused', () => sockets.open() + sockets.refused() === SOCKETS[kind]);
    const clientSets = SERVICE_NAMES.map((name) => clients(services[name], CONNECTIONS[kind]));
    context.cleanup(async () => {
      for (const one of clientSets) one.close();
    });
    const fullAt = performance.now();
    const probes: (number | string)[] = [];
    const newcomers: Newcomer[] = [];
    const rowsBefore = load.acknowledged.size;
    const isSeen = () => newcomers.some(({ status }) => status === 503) && load.acknowledged.size > rowsBefore;
    // On a busy machine what is looked for may come late.
    const isOver = (ms: number) => ms >= FULL_MS[kind] && (isSeen() || ms >= RECOVERY_MS);
    while (!isOver(performance.now() - fullAt)) {
      for (const name of SERVICE_NAMES) probes.push(await probe(services[name]));
      newcomers.push(await newcomer(gateway));
      await pause(50);
    }
    const rowsMeanwhile = load.acknowledged.size - rowsBefore;
    const open = sockets.open();
    context.log(`${open} sockets open, ${sockets.refused()} refused; ${rowsMeanwhile} inserts meanwhile`);
    const found = [
      atLeast('sockets that were let in', 50, open),
      atLeast('sockets that were refused', 1, sockets.refused()),
      equal('refused with anything but 503', 0, sockets.otherwiseRefused().length),
      equal('probes that were not answered', 0, probes.filter((status) => status !== 200).length),
      atMost(
        'newcomers that got neither 503 with Retry-After nor an answer',
        0,
        newcomers.filter((one) => !one.isToldWell).length,
      ),
      atLeast('newcomers that got 503', 1, newcomers.filter(({ status }) => status === 503).length),
      atLeast('inserts of those who were there before', 1, rowsMeanwhile),
      ...(await allRun(services)),
    ];

    sockets.close();
    for (const one of clientSets) one.close();
    await until('newcomers to be let in again', async () => (await newcomer(gateway)).status === 200, RECOVERY_MS);
    const again = openSockets(gateway, 20);
    context.cleanup(async () => again.close());
    await until('sockets to be let in again', () => again.open() === 20, RECOVERY_MS);
    again.close();
    await load.stop();
    return [...found, equal('acknowledged inserts that are missing', 0, await missing(primaryUrl, load.acknowledged))];
  },
};

async function missing(primaryUrl: string, acknowledged: ReadonlySet<string>): Promise<number> {
  const ids = await withClient(primaryUrl, async (sql) => {
    const rows = await sql.unsafe<{ id: string }[]>('select id from public.entries');
    return new Set(rows.map(({ id }) => id));
  });
  return [...acknowledged].filter((id) => !ids.has(id)).length;
}

/** Live queries through the gateway. */
function openSockets(gateway: ServerProcess, count: number) {
  const open = new Set<Socket>();
  const refusals: string[] = [];
  for (let n = 0; n < count; n += 1) {
    let ended = false;
    const socket: Socket = openRawSocket({
      dialect: 'tidemark',
      port: Number(new URL(gateway.url).port),
      path: '/live',
      token: undefined,
      hello: HELLO,
      onReady: () => open.add(socket),
      onChange: () => undefined,
      onOther(text) {
        open.delete(socket);
        if (!ended) refusals.push(text);
        ended = true;
        socket.destroy();
      },
    });
  }
  return {
    open: () => open.size,
    refused: () => refusals.length,
    otherwiseRefused: () => refusals.filter((text) => !/^HTTP\/1\.1 503/.test(text)),
    close() {
      for (const socket of open) socket.destroy();
    },
  };
}

/** Connections of which every second one asks for something and all stay; one that is closed is not opened again. */
function clients(service: ServerProcess, count: number): { close(): void } {
  const port = Number(new URL(service.url).port);
  const sockets = Array.from({ length: count }, (_, n) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.resume();
    if (n % 2 === 0) socket.write('GET /rest/v1/entries?limit=1 HTTP/1.1\r\nHost: lab\r\n\r\n');
    return socket;
  });
  return {
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

interface Newcomer {
  status: number;
  /** Served, or refused with the time to come back. */
  isToldWell: boolean;
}

async function newcomer(gateway: ServerProcess): Promise<Newcomer> {
  const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(10_000) };
  try {
    const answer = await fetch(`${gateway.url}/rest/v1/entries?limit=1`, options);
    await answer.arrayBuffer();
    const { status, headers } = answer;
    return { status, isToldWell: status === 200 || (status === 503 && headers.has('retry-after')) };
  } catch {
    return { status: 0, isToldWell: false };
  }
}

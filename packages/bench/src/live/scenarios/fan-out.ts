/** One change to 1,000 sockets: a realtime instance, a plain `ws` loop and Socket.IO in turn, read by the same clients. */
import { atLeast } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import type { Env, ServerProcess } from '../../processes/server.ts';
import { openClients } from '../clients/counting-clients.ts';
import type { Counted } from '../clients/counting-messages.ts';
import { complete, DELIVERY_MS, type LiveScenario, subscribe } from '../scenario.ts';

const SOCKETS = { quick: 100, full: 1_000 };
const ROUNDS = { quick: 1, full: 3 };
/** No rate of changes exceeds this, so that every change is sent alone. */
const NO_BATCHES = { LIVE_BATCH_ABOVE: '1000000000' };

interface Round extends Counted {
  cpuMs: number;
  startedAt: number;
}

export const fanOut = scenario({
  name: 'fan-out',
  claim: 'a change to 1,000 sockets: deliveries/s',
  env: NO_BATCHES,
  changes: 150,
  overLoop: 1,
  overSocketIo: 1.4,
});
export const fanOutBatched = scenario({
  name: 'fan-out-batched',
  claim: 'deliveries/s under load, in batches',
  env: {},
  changes: 300,
  overLoop: 3,
  overSocketIo: 0,
});

interface FanOut {
  readonly name: string;
  readonly claim: string;
  readonly env: Env;
  readonly changes: number;
  /** Minimum ratios of deliveries a second over the baselines. */
  readonly overLoop: number;
  readonly overSocketIo: number;
}

function scenario({ name, claim, env, changes, overLoop, overSocketIo }: FanOut): LiveScenario {
  return {
    name,
    claim,
    async run(fixture, context) {
      const { quick, mode } = context;
      const count = quick ? 50 : changes;
      const servers = await Promise.all([
        fixture.instance({ env }),
        fixture.baseline('fan-out-ws'),
        fixture.baseline('fan-out-socket-io'),
      ]);
      for (const server of servers) context.stopAtEnd(server);
      const [ours, loop, io] = servers;
      const all = <T>(value: T) => Array.from({ length: SOCKETS[mode] }, () => value);
      const clients = await Promise.all([
        openClients(ours.url, 'tidemark', all({ path: '/live', hello: subscribe('ticks') })),
        openClients(loop.url, 'ws', all({ path: '/' })),
        openClients(io.url, 'socket.io', all({ path: '/socket.io/?EIO=4&transport=websocket' })),
      ]);
      for (const one of clients) context.stopAtEnd(one);
      let payload = '';
      const send = ({ url }: ServerProcess) => fetch(`${url}/?times=${count}`, { method: 'POST', body: payload });
      const works = [() => fixture.write('ticks', count, 100), () => send(loop), () => send(io)];
      const rounds: [Round[], Round[], Round[]] = [[], [], []];
      // The first round warms all servers, and gives the baselines their payload.
      for (let round = -1; round < ROUNDS[mode]; round++) {
        for (const [index, server] of servers.entries()) {
          const before = server.usage().cpuMs ?? 0;
          const startedAt = performance.timeOrigin + performance.now();
          const counted = await clients[index]!.count(count, DELIVERY_MS, works[index]!);
          const cpuMs = (server.usage().cpuMs ?? 0) - before;
          // If nothing was received, which is a finding, the baselines keep the earlier payload.
          if (index === 0 && counted.payload !== '') payload = counted.payload;
          if (round >= 0) rounds[index]!.push({ ...counted, cpuMs, startedAt });
        }
      }
      const nameOf = (index: number) => servers[index]!.name;
      for (const [index, played] of rounds.entries()) {
        const micros = median(played.map(({ cpuMs, changes }) => (cpuMs / changes) * 1_000));
        context.log(
          `${nameOf(index)}: ${median(played.map(rate)).toFixed(0)}/s, ${micros.toFixed(1)} µs of processor each`,
        );
      }
      const ratio = (others: Round[]) => median(rounds[0].map((round, n) => rate(round) / rate(others[n]!)));
      return [
        ...rounds.flatMap((played, index) => played.flatMap((one) => complete(nameOf(index), count, one))),
        atLeast('times the plain loop', quick ? 0 : overLoop, ratio(rounds[1])),
        atLeast('times Socket.IO', quick ? 0 : overSocketIo, ratio(rounds[2])),
      ];
    },
  };
}

/** The time includes the commits, the relay and the waits of batches. */
const rate = (round: Round) => (round.changes / (round.lastAt - round.startedAt)) * 1_000;

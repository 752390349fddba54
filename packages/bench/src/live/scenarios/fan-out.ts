/** One change to 1,000 sockets: an instance, a plain `ws` loop and Socket.IO, in turn, each read by the same clients. */

import { atLeast } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { openClients } from '../clients/counting-clients.ts';
import type { Counted } from '../clients/counting-messages.ts';
import { WAIT_MS } from '../pace.ts';
import { complete, type LiveScenario } from '../scenario.ts';

const SOCKETS = { quick: 100, full: 1_000 };
const ROUNDS = { quick: 1, full: 3 };
/** No pressure is ever so high: every change leaves alone. */
const ALONE = { LIVE_BATCH_ABOVE: '1000000000' };

interface Round extends Counted {
  cpuMs: number;
  /** When the writing, or the server's loop, was asked for. */
  startedAt: number;
}

export const fanOut = scenario('fan-out', 'a change to 1,000 sockets: deliveries/s', ALONE, 1, 1.4);
export const fanOutBatched = scenario('fan-out-batched', 'changes delivered/s under load, in batches', {}, 3, null);

function scenario(
  name: string,
  claim: string,
  env: Readonly<Record<string, string>>,
  toLoop: number,
  toSocketIo: number | null,
): LiveScenario {
  const changes = { quick: 50, full: toSocketIo === null ? 300 : 150 };
  return {
    name,
    claim,
    async run(fixture, { quick, cleanup, log }) {
      const kind = quick ? 'quick' : 'full';
      const count = changes[kind];
      const [ours, loop, io] = await Promise.all([
        fixture.instance(env),
        fixture.baseline('fan-out-ws'),
        fixture.baseline('fan-out-socket-io'),
      ]);
      const all = <T>(value: T) => Array.from({ length: SOCKETS[kind] }, () => value);
      const hello = JSON.stringify({ op: 'subscribe', id: 's', query: 'ticks', snapshot: false });
      const clientSets = await Promise.all([
        openClients(ours.url, 'tidemark', all({ path: '/live', hello })),
        openClients(loop.url, 'ws', all({ path: '/' })),
        openClients(io.url, 'socket.io', all({ path: '/socket.io/?EIO=4&transport=websocket' })),
      ]);
      cleanup(async () => void (await Promise.all([...clientSets, ours, loop, io].map((one) => one.stop()))));
      let payload = '';
      const send = ({ url }: ServerProcess) => fetch(`${url}/?times=${count}`, { method: 'POST', body: payload });
      const works = [() => fixture.write('ticks', count, 100), () => send(loop), () => send(io)];
      const servers = [ours, loop, io];
      const rounds: Round[][] = [[], [], []];
      // The first round of each warms it, and gives the servers the payload.
      for (let round = -1; round < ROUNDS[kind]; round++) {
        for (const [index, clients] of clientSets.entries()) {
          const before = servers[index]?.usage().cpuMs ?? 0;
          const startedAt = performance.timeOrigin + performance.now();
          const counted = await clients.count(count, WAIT_MS, works[index] as () => Promise<unknown>);
          const cpuMs = (servers[index]?.usage().cpuMs ?? 0) - before;
          // Where nothing came, which is a finding, the servers go on with what came before.
          if (index === 0 && counted.payload !== '') payload = counted.payload;
          if (round >= 0) rounds[index]?.push({ ...counted, cpuMs, startedAt });
        }
      }
      const [mine, theirs, ios] = rounds as [Round[], Round[], Round[]];
      for (const [index, played] of rounds.entries()) {
        const cpu = median(played.map((round) => (round.cpuMs / round.changes) * 1_000));
        log(
          `${servers[index]?.name}: ${median(played.map(rate)).toFixed(0)}/s, ${cpu.toFixed(1)} µs of its processor each`,
        );
      }
      const ratio = (others: Round[]) => median(mine.map((round, n) => rate(round) / rate(others[n] as Round)));
      // A quick run shows that it works.
      const least = (target: number | null) => (quick ? 0 : (target ?? 0));
      return [
        ...rounds.flatMap((played, index) => played.flatMap((one) => complete(servers[index]?.name ?? '', count, one))),
        atLeast('times the plain loop', least(toLoop), ratio(theirs)),
        atLeast('times Socket.IO', least(toSocketIo), ratio(ios)),
      ];
    },
  };
}

/** Deliveries a second. From the asking on: ours has the commits and the relay in it, and what waited to be sent together. */
const rate = (round: Round) => (round.changes / (round.lastAt - round.startedAt)) * 1_000;

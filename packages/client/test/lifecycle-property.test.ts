/** Random sequences of calls and faults: every promise settles, and the server has no subscription that nothing follows. */
import fc from 'fast-check';
import t from 'tap';
import type { TidemarkClient } from '../src/index.ts';
import { follow, outcome, pass, passLong, start } from './fake-clock.ts';

t.test(
  'after any calls and faults, every promise settles and the server has only the subscriptions in use',
  async () => {
    const act = fc.oneof(
      fc.record({ do: fc.constant('follow' as const), n: fc.nat(5) }),
      fc.record({ do: fc.constant('close' as const), n: fc.nat(20) }),
      fc.record({ do: fc.constant('join' as const), n: fc.nat(3) }),
      fc.record({ do: fc.constant('leave' as const), n: fc.nat(20) }),
      fc.record({
        do: fc.constantFrom('cut' as const, 'resync' as const, 'drain' as const, 'rate' as const, 'token' as const),
        n: fc.nat(3),
      }),
      fc.record({ do: fc.constantFrom('none' as const, 'refuse' as const, 'forbid' as const), n: fc.nat(3) }),
      fc.record({ do: fc.constant('pass' as const), n: fc.nat(40) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), fc.constantFrom(200, 4), async (acts, perSecond) => {
        const { server, client } = start();
        server.perSecond = perSecond;
        const lives: ReturnType<typeof follow>[] = [];
        const rooms: ReturnType<TidemarkClient['channel']>[] = [];
        const seen: { is: string }[] = [];
        for (const { do: what, n } of acts) {
          if (what === 'follow') {
            const live = follow(client, n);
            lives.push(live);
            seen.push(outcome(live.ready()));
          } else if (what === 'close') lives[n % (lives.length || 1)]?.close();
          else if (what === 'join') {
            const room = client.channel(`room:${n}`);
            rooms.push(room);
            seen.push(outcome(room.join()));
          } else if (what === 'leave') rooms[n % (rooms.length || 1)]?.leave();
          else if (what === 'pass') await pass(n);
          else if (what === 'token') client.setToken(undefined);
          else if (what === 'none' || what === 'refuse' || what === 'forbid') server.answers.push(what);
          else {
            for (const socket of [...server.sockets]) {
              if (what === 'cut') socket.cut();
              else if (what === 'resync') socket.resync();
              else if (what === 'drain') socket.say({ op: 'draining', reconnectInMs: 20 });
              else socket.say({ op: 'error', code: 'RT_FRAME_RATE', message: 'too fast', retry: true });
            }
          }
        }
        server.answers = [];
        // This is longer than ANSWER_MS and the longest wait between two attempts.
        await passLong(60_000);
        const wanted = new Set(lives.filter(({ status }) => status === 'live').map((live) => live));
        const unsettled = lives.filter(({ status }) => !['live', 'closed', 'failed'].includes(status));
        if (unsettled.length > 0) throw new Error(`left ${unsettled.map(({ status }) => status)}`);
        if (seen.some(({ is }) => is === 'pending')) throw new Error(`pending: ${seen.map(({ is }) => is)}`);
        const joined = rooms.filter(({ status }) => status === 'live').length;
        if (server.members !== joined) throw new Error(`${server.members} members for ${joined} channels`);
        if (server.subscriptions > wanted.size) throw new Error(`${server.subscriptions} for ${wanted.size}`);
        for (const live of lives) live.close();
        for (const room of rooms) room.leave();
        await passLong(20_000, 100);
        if (server.subscriptions + server.members + server.sockets.size > 0) {
          throw new Error(
            `left ${server.subscriptions} subscriptions, ${server.members} members, ${server.sockets.size} sockets`,
          );
        }
        const { frames, opened } = server;
        client.close();
        await passLong(60_000);
        if (server.frames !== frames || server.opened !== opened) throw new Error('the client sends after close()');
      }),
      { numRuns: 20 },
    );
  },
);

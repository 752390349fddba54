/** Tests which clients a stopping instance informs and closes, when, and that it ends in time. */
import t from 'tap';
import { DRAIN_EXTRA_MS, type DrainingClient, drainClients } from '../../src/draining/drain-clients.ts';

const OVER_MS = 300;

/** One that leaves `atMs` after its time (undefined: never by itself), and says what was done to it. */
function client(leavesAfterMs: number | undefined, isDeaf = false) {
  let gone = false;
  let timer: NodeJS.Timeout | undefined;
  const startedAt = Date.now();
  const said: { told?: number; closedAt?: number; cut?: true } = {};
  const leaver: DrainingClient = {
    isGone: () => gone,
    tell(ms) {
      said.told = ms;
      if (leavesAfterMs === undefined) return;
      timer = setTimeout(() => {
        gone = true;
      }, ms + leavesAfterMs);
    },
    close() {
      said.closedAt = Date.now() - startedAt;
      gone = !isDeaf;
    },
    cut() {
      said.cut = true;
      gone = true;
      clearTimeout(timer);
    },
  };
  return { leaver, said };
}

t.test('resolves at once without clients', async () => drainClients([], OVER_MS));

t.test('does not close clients that leave by themselves', async (t) => {
  const clients = Array.from({ length: 60 }, () => client(0));
  await drainClients(
    clients.map(({ leaver }) => leaver),
    OVER_MS,
  );
  t.same(
    clients.map(({ said }) => said),
    clients.map((_, n) => ({ told: n * (OVER_MS / clients.length) })),
  );
});

t.test('closes clients that stay one after another, each after its time', async (t) => {
  const clients = Array.from({ length: 60 }, (_, n) => client(n % 2 ? 0 : undefined));
  await drainClients(
    clients.map(({ leaver }) => leaver),
    OVER_MS,
  );
  for (const [n, { said }] of clients.entries()) {
    if (n % 2) t.equal(said.closedAt, undefined);
    else t.ok((said.closedAt as number) >= (said.told as number), `${said.closedAt} for ${said.told}`);
    t.notOk(said.cut);
  }
  const moments = new Set(clients.flatMap(({ said }) => said.closedAt ?? []));
  t.ok(moments.size > 5, `closed in ${moments.size} moments`);
});

t.test('cuts off clients that ignore the close', async (t) => {
  const clients = [client(0), client(undefined, true), client(undefined)];
  const startedAt = Date.now();
  await drainClients(
    clients.map(({ leaver }) => leaver),
    OVER_MS,
  );
  t.ok(Date.now() - startedAt >= DRAIN_EXTRA_MS);
  t.same(
    clients.map(({ said }) => said.cut),
    [undefined, true, undefined],
  );
});

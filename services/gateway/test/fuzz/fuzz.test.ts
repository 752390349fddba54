/**
 * Thousands of random requests against a gateway on Postgres with row-level security; @tidemark/testing/http-fuzz says what must hold.
 * `FUZZ_SEED` repeats a run, `FUZZ_REQUESTS` makes it longer (so does the trial `fuzz` of the fault lab).
 */
import { CALLER, FUZZ_SQL, fuzz } from '@tidemark/testing/http-fuzz';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const requests = Number(process.env.FUZZ_REQUESTS ?? 3_000);
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const gateway = await useGateway(t, { script: FUZZ_SQL });

t.test(`${requests} random requests, seed ${seed}`, { timeout: 600_000 }, async (t) => {
  const { faults, statuses, sent } = await fuzz({
    url: gateway.url,
    token: await gateway.token({ ...CALLER }),
    requests,
    seed,
    query: (text) => gateway.sql.unsafe(text),
    // On a machine that is very busy fewer will do.
    deadlineMs: process.env.FUZZ_REQUESTS ? 500_000 : 8_000,
  });
  for (const fault of faults) t.fail(fault);
  t.ok(sent >= Math.min(requests, 300), `${sent} sent`);
  const share = (statuses[200] ?? 0) / sent;
  t.ok(share > 0.03, `${JSON.stringify(statuses)}: enough of them got past the parser`);
});

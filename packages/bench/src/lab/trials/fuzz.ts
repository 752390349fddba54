/** Random requests against a gateway with secrets behind row-level security, for as long as there is time. */
import { runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { CALLER, FUZZ_SQL, fuzz as sendRandom } from '@tidemark/testing/http-fuzz';
import { SignJWT } from 'jose';
import { SECRET, startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, equal, type Finding, type Trial } from '../trial.ts';

const PACE = { quick: { requests: 400, deadlineMs: 3_500 }, full: { requests: 100_000, deadlineMs: 600_000 } };

export const fuzz: Trial = {
  name: 'fuzz',
  claim: 'whatever is asked: 2xx or 4xx with a remedy, no SQL but ours, no row that a policy hides',
  async run(context): Promise<Finding[]> {
    const { quick, log } = context;
    const stack = await context.stack();
    const { primaryUrl, replicaUrl } = await context.database();
    await runScript(primaryUrl, FUZZ_SQL);
    const gateway = await startGateway(context, { primaryUrl, replicaUrl, natsUrl: stack.natsUrl });
    const token = await new SignJWT({ ...CALLER })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(SECRET));
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { faults, sent, statuses } = await sendRandom({
      ...{ url: gateway.url, token, seed, ...(quick ? PACE.quick : PACE.full) },
      async query(text) {
        let rows: readonly Record<string, unknown>[] = [];
        await withClient(primaryUrl, async (sql) => {
          rows = await sql.unsafe(text);
        });
        return rows;
      },
    });
    log(`seed ${seed}: ${sent} requests, ${JSON.stringify(statuses)}`);
    for (const fault of faults) log(fault);
    return [
      atLeast('requests', 200, sent),
      equal('answers, rows or statements that may not be', 0, faults.length),
      await stillRuns(gateway),
    ];
  },
};

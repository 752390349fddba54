/** Sends random requests to a gateway with secrets behind row-level security, within a time limit. */

import { withClient } from '@tidemark/local-stack';
import { CALLER, FUZZ_SQL, fuzz as sendRandom } from '@tidemark/testing/http-fuzz';
import { signToken } from '../../processes/services.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, type Finding, none, type Trial } from '../trial.ts';

const PACE = { quick: { requests: 400, deadlineMs: 3_500 }, full: { requests: 100_000, deadlineMs: 600_000 } };

export const fuzz: Trial = {
  name: 'fuzz',
  claim: 'any request gets 2xx or 4xx with a remedy, runs no injected SQL, and returns no row that a policy hides',
  async run(context): Promise<Finding[]> {
    const servers = await context.database(FUZZ_SQL);
    const gateway = await startGateway(context, servers);
    const seed = context.seed ?? Math.floor(Math.random() * 2 ** 31);
    const { faults, sent, statuses } = await sendRandom({
      url: gateway.url,
      token: await signToken({ ...CALLER }),
      seed,
      ...PACE[context.mode],
      query: async (text) =>
        withClient(servers.primaryUrl, async (sql) => [...(await sql.unsafe<Record<string, unknown>[]>(text))]),
    });
    context.log(`seed ${seed}: ${sent} requests, ${JSON.stringify(statuses)}`);
    for (const fault of faults) context.log(fault);
    return [
      atLeast('requests', 200, sent),
      none('wrong responses, rows or statements', faults.length),
      await stillRuns(gateway),
    ];
  },
};

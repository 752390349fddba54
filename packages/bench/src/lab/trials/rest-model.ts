/** Compares 10,000 random requests on random schemas with SQL that was written independently. */
import { withClient } from '@tidemark/local-stack';
import { compareWithModel, modelSql } from '@tidemark/testing/rest-model';
import { signToken } from '../../processes/services.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, type Finding, none, type Trial } from '../trial.ts';

const REQUESTS = { quick: 300, full: 10_000 };
const SCHEMAS = Array.from({ length: 20 }, (_, index) => `m${index}`);

export const restModel: Trial = {
  name: 'rest-model',
  claim: 'random requests on random schemas return the rows that Postgres returns to SQL written independently',
  async run(context): Promise<Finding[]> {
    const seed = context.seed ?? Math.floor(Math.random() * 2 ** 31);
    const schemas = SCHEMAS.slice(0, context.mode === 'quick' ? 2 : SCHEMAS.length);
    const servers = await context.database(modelSql(seed, schemas));
    const gateway = await startGateway(context, servers, { DB_SCHEMAS: schemas.join(), RATE_LIMITS: 'off' });
    const { differences, compared, failed } = await withClient(servers.primaryUrl, (sql) =>
      compareWithModel({
        url: gateway.url,
        sql,
        seed,
        requests: REQUESTS[context.mode],
        schemas,
        token: (claims) => signToken({ ...claims }),
      }),
    );
    context.log(`seed ${seed}: ${compared} requests, ${failed} of them errors`);
    for (const difference of differences.slice(0, 20)) context.log(difference);
    return [
      atLeast('requests', REQUESTS[context.mode], compared),
      none('answers that differ from Postgres', differences.length),
      await stillRuns(gateway),
    ];
  },
};

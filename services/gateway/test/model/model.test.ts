/**
 * Random requests on random schemas return the rows of SQL that was written independently. `MODEL_SEED` repeats a run,
 * `MODEL_REQUESTS` makes it longer (so does the trial `rest-model` of the fault lab).
 */
import { compareWithModel, modelSql } from '@tidemark/testing/rest-model';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const requests = Number(process.env.MODEL_REQUESTS ?? 500);
const seed = Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31));
const schemas = ['m0', 'm1', 'm2', 'm3'];
const env = { DB_SCHEMAS: schemas.join(), RATE_LIMITS: 'off' };
const gateway = await useGateway(t, { script: modelSql(seed, schemas), env });

t.test(`${requests} random requests, seed ${seed}`, { timeout: 600_000 }, async (t) => {
  const { url, sql, token } = gateway;
  const { differences, compared, failed } = await compareWithModel({ url, sql, seed, requests, schemas, token });
  for (const difference of differences.slice(0, 10)) t.fail(difference);
  t.equal(differences.length, 0, 'requests whose answer differs');
  t.equal(compared, requests);
  t.ok(failed < compared / 5, `${failed} of them are errors`);
});

/** Compares the decisions for groups of identities, over random policies, with those of Postgres for each identity. */
import type { Identity } from '@tidemark/db';
import fc from 'fast-check';
import t from 'tap';
import { maySee, rlsGroupKey } from '../../src/rls/rls-group-key.ts';
import { identityOf, idOf, openOwnedTable } from '../policies/owned-table.ts';
import { claims, condition, equality } from './random-policy.ts';

/** Each asks about forty questions: some 100 ms. */
const RUNS = 150;
const policy = fc.record({ using: condition, permissive: fc.boolean() });
const policies = fc
  .tuple(fc.oneof(equality, condition), fc.array(policy, { maxLength: 2 }))
  .map(([using, more]) => [{ using }, ...more]);
/** Some differ only in what no policy reads. */
const identities = fc
  .array(claims, { minLength: 3, maxLength: 6 })
  .map((all) =>
    [...all, ...all.map((one) => ({ ...one, exp: 7 })), ...all.map(({ sub: _, ...rest }) => rest)].map(identityOf),
  );

t.test('decides for groups of identities as Postgres does for each', async (t) => {
  const table = await openOwnedTable();
  t.teardown(() => table.stop());
  const { images } = table;
  let [asked, sharing, narrowed, compared] = [0, 0, 0, 0];

  const orError = async (ids: Promise<number[]>): Promise<number[] | undefined> => {
    try {
      return await ids;
    } catch (error) {
      t.match(error, { code: /^[0-9A-Z]{5}$/ }, 'an error of Postgres');
      return undefined;
    }
  };

  await fc.assert(
    fc.asyncProperty(policies, identities, async (using, all) => {
      const facts = await table.facts(...using);
      const answers = new Map<string, number[] | undefined>();
      for (const identity of all) {
        const rights = rlsGroupKey(facts, identity);
        const may = images.filter((image) => maySee(rights.required, image));
        asked += may.length;
        narrowed += images.length - may.length;
        if (answers.has(rights.key)) sharing += 1;
        else answers.set(rights.key, await orError(table.passed(rights.identity as Identity, facts, may)));
        const ours = answers.get(rights.key);
        const theirs = await orError(table.shown(identity));
        compared += 1;
        if (!ours) {
          // A scan of the table may fail on another row first, but it fails, too.
          const byItself = await orError(table.passed(identity, facts, images));
          if (byItself) throw new Error(`${identity.claims}: only the class fails`);
          continue;
        }
        if (theirs) {
          if (JSON.stringify(ours) !== JSON.stringify(theirs))
            throw new Error(`${identity.claims}: ${ours}, Postgres ${theirs}`);
          continue;
        }
        // Postgres fails for all rows because of one, so each row is asked about alone.
        for (const image of images) {
          const alone = await orError(table.passed(identity, facts, [image]));
          const isShown = ours.includes(idOf(image));
          if (isShown && alone?.length !== 1) throw new Error(`${identity.claims}: row ${idOf(image)} was shown`);
          if (!isShown && alone?.length === 1) throw new Error(`${identity.claims}: row ${idOf(image)} was hidden`);
        }
      }
    }),
    { numRuns: RUNS },
  );
  t.comment(`${compared} identities; ${sharing} shared an answer; ${asked} rows asked for, ${narrowed} not`);
  t.ok(sharing > compared / 4, 'many share');
  t.ok(narrowed > asked / 10, 'many rows are not asked for');
});

/** Tests when a relation is planned again. */
import t from 'tap';
import type { Relation } from '../../src/relay/pgoutput.ts';
import { RelationPlans } from '../../src/relay/relation-plans.ts';
import { unknownPlan } from '../../src/relay/type-catalog.ts';

const ITEM: Relation = { oid: 7, schema: 'public', table: 'item', replicaIdentity: 'f', columns: [] };

t.test('plans again a relation whose definition changes while the catalog is read', async (t) => {
  let version = 'v1';
  let change = () => {};
  const plans: RelationPlans = new RelationPlans(
    {
      async plan(relation, definition) {
        change();
        return unknownPlan(relation, definition);
      },
    },
    () => version,
  );
  change = () => {
    version = 'v2';
    plans.outdate([ITEM]);
    change = () => {};
  };
  await plans.plan(ITEM);
  t.match(plans.get(ITEM.oid).about, /"definition":"v1"/);
  await plans.refresh(ITEM.oid);
  t.match(plans.get(ITEM.oid).about, /"definition":"v2"/);
  t.equal(plans.refresh(ITEM.oid), undefined);
});

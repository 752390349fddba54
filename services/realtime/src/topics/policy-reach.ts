/**
 * Whether a policy can tell identities of one role apart, from the tree that Postgres stores of its expression. Only what is
 * known to read nothing but the row counts as such: any other node (a subquery, current_user, a conversion through text, a
 * domain) and any function that is not Postgres's own and immutable may read the claims. A policy that is taken for one that
 * does costs a question for each identity; the opposite would show one user what another may see.
 */

/** As pg_node_tree prints them; an array is the one up to Postgres 15, and the other from 16 on. */
const NODES = [
  ...['VAR', 'CONST', 'OPEXPR', 'FUNCEXPR', 'BOOLEXPR', 'NULLTEST', 'BOOLEANTEST', 'RELABELTYPE', 'DISTINCTEXPR'],
  ...['SCALARARRAYOPEXPR', 'ARRAY', 'ARRAYEXPR'],
];
/** Oids below are those of initdb (access/transam.h: FirstNormalObjectId). */
const FIRST_OWN_OID = 16_384;

const TREE = 'p.polqual::text';
const untrusted = `f.oid is null or f.oid >= ${FIRST_OWN_OID} or f.provolatile <> 'i'`;

/** SQL over pg_policy as p. A constant's value is printed as bytes, so that no text in it looks like a node. */
export const READS_ROW_ALONE = `(p.polqual is null or not (
  exists (select from regexp_matches(${TREE}, '\\{([A-Z_0-9]+)', 'g') as m (part)
    where m.part[1] <> all ('{${NODES.join(',')}}'))
  or exists (select from regexp_matches(${TREE}, ':funcid ([0-9]+)', 'g') as m (part)
    left join pg_proc f on f.oid = m.part[1]::oid where ${untrusted})
  or exists (select from regexp_matches(${TREE}, ':opno ([0-9]+)', 'g') as m (part)
    left join pg_operator o on o.oid = m.part[1]::oid left join pg_proc f on f.oid = o.oprcode where ${untrusted})))`;

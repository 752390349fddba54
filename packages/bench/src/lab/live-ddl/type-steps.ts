import { deep, type Schema, shows } from './schema.ts';
import { type DrawStep, one } from './step.ts';

function fresh(schema: Schema): string {
  schema.names += 1;
  return `x${schema.names}`;
}

const addLabel: DrawStep = (random, schema) => {
  const { moods } = schema;
  if (moods.length > 8) return undefined;
  const label = `mood ${fresh(schema)}`;
  const before = random.of(moods);
  moods.splice(moods.indexOf(before), 0, label);
  return one(`alter type public.mood add value '${label}' before '${before}'`);
};

const renameLabel: DrawStep = (random, schema) => {
  const { moods, labels } = schema;
  const [type, list] = random.chance(0.5) ? (['mood', moods] as const) : (['label', labels] as const);
  const from = random.of(list);
  const to = `${type} ${fresh(schema)}`;
  list[list.indexOf(from)] = to;
  return one(`alter type public.${type} rename value '${from}' to '${to}'`);
};

const addAttribute: DrawStep = (_, schema) => {
  if (schema.fields > 4) return undefined;
  schema.fields += 1;
  return one(`alter type public.pair add attribute ${fresh(schema)} text cascade`);
};

const renameAttribute: DrawStep = (random, schema) =>
  one(`do $$ declare a name; begin
    select attname into a from pg_attribute where attrelid = 'public.pair'::regclass and attnum = ${1 + random.int(2)};
    execute format('alter type public.pair rename attribute %I to ${fresh(schema)} cascade', a); end $$`);

/** The constraint is `not valid`: existing values may violate it. */
const constrain: DrawStep = (_, schema) => {
  const isConstrained = schema.scores === 50;
  schema.scores = isConstrained ? 100 : 50;
  if (isConstrained) return one('alter domain public.score drop constraint small');
  return one('alter domain public.score add constraint small check (value < 50) not valid');
};

const changeFunction: DrawStep = (random, schema) => {
  schema.shown = [0, 1, 2, 3, 4, 5, 6, 7].filter(() => random.chance(0.5));
  return { ...one(shows(schema)), late: true };
};

const changeDeepFunction: DrawStep = (random, schema) => {
  schema.deep = [0, 1, 2, 3, 4, 5, 6, 7].filter(() => random.chance(0.5));
  return { ...one(deep(schema)), late: true };
};

export const typeSteps = {
  addLabel,
  renameLabel,
  addAttribute,
  renameAttribute,
  constrain,
  changeFunction,
  changeDeepFunction,
};

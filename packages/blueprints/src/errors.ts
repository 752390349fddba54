import { defineErrors, row } from '@tidemark/contracts';

export const errors = defineErrors('BLUEPRINT', {
  UNKNOWN: row<{ name: string; known: readonly string[] }>({
    status: 404,
    message: (p) => `there is no blueprint "${p.name.slice(0, 63)}"`,
    hint: (p) => `Choose one of: ${p.known.join(', ')}.`,
  }),
  NOT_LOADED: row<{ name: string }>({
    status: 409,
    message: (p) => `the blueprint "${p.name}" is not in this database`,
    hint: (p) => `Load it first: npx --no -- tidemark blueprint load ${p.name}`,
  }),
  FAILED: row<{ name: string; reason: string }>({
    status: 500,
    message: (p) => `the blueprint "${p.name}" could not be loaded: ${p.reason}`,
    hint: 'It was rolled back as a whole. It needs tables of its own names: use an empty database, or start with --no-demo.',
  }),
});

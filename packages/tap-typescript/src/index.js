/** These exports make the file a plugin of tap (https://node-tap.org/docs/plugins). */
export const importLoader = '@tapjs/typescript/import';
/** The loader runs before all others, because they can read only JavaScript. */
export const preload = true;
export const testFileExtensions = ['ts'];
export const plugin = () => ({});

/** The generated class of tap has these three options by name; they have no effect here. `turbo run typecheck` checks types. */
export const config = {
  typecheck: { type: 'boolean', description: 'Has no effect: tests are checked by `turbo run typecheck`.' },
  tsconfig: { type: 'string', description: 'Has no effect: types are taken out without looking at it.' },
  'type-strip-only': { type: 'boolean', description: 'Has no effect: it is always so, on Node 20 as well.' },
};

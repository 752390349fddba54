/** PostgREST's codes of errors about tokens (its "Errors" page), group 3. */
import { defineErrors, row } from '@tidemark/contracts';

export const tokenErrors = defineErrors('', {
  PGRST302: row({
    status: 401,
    message: 'Anonymous access is disabled',
    hint: 'Send Authorization: Bearer <JWT>; operators may name a role for requests without one by DB_ANON_ROLE.',
  }),
});

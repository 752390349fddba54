import { INSPECTION_LIST_LIMIT } from '@tidemark/contracts';
import { Type } from 'typebox';

/** The query of lists that instances answer. */
export const ListQuery = Type.Object({
  limit: Type.Integer({ default: 50, minimum: 1, maximum: INSPECTION_LIST_LIMIT }),
});

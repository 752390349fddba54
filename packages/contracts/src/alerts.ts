/** Messages on `alerts.<severity>`: a problem that needs a person, when it begins, while it lasts and when it ends. */
import { type Static, Type } from 'typebox';

export const Alert = Type.Object({
  /** Identifies the problem; the same for every instance that reports it. */
  key: Type.String({ maxLength: 200 }),
  message: Type.String(),
  hint: Type.String(),
  /** True in the last message, when the problem has ended. */
  resolved: Type.Boolean(),
  service: Type.String(),
  instance: Type.String(),
  at: Type.Integer({ description: 'milliseconds since 1970' }),
});
export type Alert = Static<typeof Alert>;

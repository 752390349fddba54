/** What is published on `alerts.<severity>`: something that a person should know of, once it begins and while it lasts. */
import { type Static, Type } from 'typebox';

export const Alert = Type.Object({
  /** The same for the same trouble, whoever tells of it. */
  key: Type.String({ maxLength: 200 }),
  message: Type.String(),
  /** The remedy. */
  hint: Type.String(),
  /** When it is over, it is told once more, so. */
  resolved: Type.Boolean(),
  service: Type.String(),
  instance: Type.String(),
  at: Type.Integer({ description: 'milliseconds since 1970' }),
});
export type Alert = Static<typeof Alert>;

/** An alert on `alerts.<severity>`: published when a problem begins, and repeated while it lasts. */
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

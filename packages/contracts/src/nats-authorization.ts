/** The `authorization` block of a nats-server configuration file. */
import type { BusPermissions } from './bus-permissions.ts';

export interface NatsUser {
  readonly name: string;
  /** As the file has it: a quoted text, or `$NAME` for a variable of the file. */
  readonly password: string;
  /** Absent for administrators and tests, who may use all subjects. */
  readonly permissions?: BusPermissions;
}

/** A text as nats-server reads it. JSON's escapes are a subset of the format's for the characters that subjects and our passwords hold. */
export const natsText = (value: string): string => JSON.stringify(value);

/** No `no_auth_user`: a client without credentials is refused. */
export function natsAuthorization(users: readonly NatsUser[]): string {
  return `authorization {\n  users: [\n${users.map(userBlock).join('')}  ]\n}\n`;
}

function userBlock({ name, password, permissions }: NatsUser): string {
  if (!permissions) return `    { user: ${natsText(name)}, password: ${password} }\n`;
  return `    {
      user: ${natsText(name)}
      password: ${password}
      permissions {
        publish { allow: ${subjectList(permissions.publish)} }
        subscribe { allow: ${subjectList(permissions.subscribe)} }
      }
    }
`;
}

function subjectList(subjects: readonly string[]): string {
  const lines = [...new Set(subjects)].map((subject) => `          ${natsText(subject)}\n`);
  return `[\n${lines.join('')}        ]`;
}

/** Generates the `authorization` block of a nats-server configuration file. */
import type { BusPermissions } from './bus-permissions.ts';

export interface NatsUser {
  readonly name: string;
  /** The text in the file: a quoted string, or `$NAME` for a variable of the file. */
  readonly password: string;
  /** Absent: all subjects, for administrators and tests. */
  readonly permissions?: BusPermissions;
}

/** JSON's escapes are a subset of nats-server's for the characters that subjects and the passwords contain. */
export const natsText = (value: string): string => JSON.stringify(value);

/** Without `no_auth_user`, the server refuses a client without credentials. */
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

/** Settings with a time for each role, such as `anon=5s,authenticated=500ms,*=15s`. */
import { Type } from 'typebox';

const PATTERN = '^\\s*(([A-Za-z_][A-Za-z0-9_]*|\\*)=[1-9][0-9]{0,6}(ms|s)\\s*(,\\s*(?=\\S)|$))+$';

export function roleTimeouts(defaultValue: string, description: string) {
  return Type.String({ default: defaultValue, pattern: PATTERN, description });
}

/** Returns ms by role. The last value of a repeated role counts. */
export function parseRoleTimeouts(text: string): ReadonlyMap<string, number> {
  const timeouts = new Map<string, number>();
  for (const part of text.split(',')) {
    const [role = '', time = ''] = part.trim().split('=');
    timeouts.set(role, time.endsWith('ms') ? Number(time.slice(0, -2)) : Number(time.slice(0, -1)) * 1_000);
  }
  return timeouts;
}

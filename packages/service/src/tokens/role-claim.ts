/** The path to the role in the claims of a token: PostgREST's `jwt-role-claim-key`, a part of JSONPath. */
import { configErrors } from '../errors.ts';

export type RoleClaim = (claims: unknown) => unknown;

type Step = (value: unknown) => unknown;

const KEY = /^\.(?:([\w$@-]+)|"([^"]+)")/;
const INDEX = /^\[(\d+)\]/;
const FILTER = /^\[\?\(@ ?(==|!=|\^==|==\^|\*==) ?"([^"]*)"\)\]/;

const COMPARISONS: Readonly<Record<string, (text: string, given: string) => boolean>> = {
  '==': (text, given) => text === given,
  '!=': (text, given) => text !== given,
  '^==': (text, given) => text.startsWith(given),
  '==^': (text, given) => text.endsWith(given),
  '*==': (text, given) => text.includes(given),
};

/** Returns undefined for claims without the path. Throws CONFIG_INVALID for a text that is no path. */
export function roleClaimPath(path: string): RoleClaim {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const key = KEY.exec(rest);
    const index = INDEX.exec(rest);
    const filter = FILTER.exec(rest);
    if (key) steps.push(member(key[1] ?? (key[2] as string)));
    else if (index) steps.push((value) => (Array.isArray(value) ? value[Number(index[1])] : undefined));
    else if (filter)
      steps.push(firstOf(COMPARISONS[filter[1] as string] as (typeof COMPARISONS)[string], filter[2] ?? ''));
    else
      throw configErrors.INVALID({
        problems: [`JWT_ROLE_CLAIM_KEY=${path} is not a path such as .app.role or .roles[0]`],
      });
    rest = rest.slice(((key ?? index ?? filter) as RegExpExecArray)[0].length);
  }
  return (claims) => steps.reduce<unknown>((value, step) => step(value), claims);
}

const member =
  (name: string): Step =>
  (value) =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      ? (value as Record<string, unknown>)[name]
      : undefined;

const firstOf =
  (matches: (text: string, given: string) => boolean, given: string): Step =>
  (value) =>
    Array.isArray(value) ? value.find((item) => typeof item === 'string' && matches(item, given)) : undefined;

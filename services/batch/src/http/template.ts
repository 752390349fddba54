import { HttpFailure } from './http-failure.ts';

export type Variables = Readonly<Record<string, string | number | boolean | null>>;

const VARIABLE = /\{\{(\w{1,64})\}\}/g;
const WHOLE = /^\{\{(\w{1,64})\}\}$/;

/** A URL's variables are escaped, so that none can add a parameter or leave its place in the path. */
export function fillUrl(template: string, variables: Variables): string {
  return fill(template, variables, (value) => {
    const text = encodeURIComponent(String(value ?? ''));
    // The parser of URLs would take these for a step up.
    return text === '.' || text === '..' ? text.replaceAll('.', '%2E') : text;
  });
}

export const fillText = (template: string, variables: Variables) =>
  fill(template, variables, (value) => String(value ?? ''));

/** A string that is only a variable becomes its value, with its type. */
export function fillJson(template: unknown, variables: Variables): unknown {
  if (typeof template === 'string') {
    const whole = WHOLE.exec(template)?.[1];
    return whole === undefined ? fillText(template, variables) : variableOf(whole, variables);
  }
  if (Array.isArray(template)) return template.map((part) => fillJson(part, variables));
  if (template === null || typeof template !== 'object') return template;
  return Object.fromEntries(Object.entries(template).map(([key, part]) => [key, fillJson(part, variables)]));
}

function fill(template: string, variables: Variables, write: (value: Variables[string]) => string): string {
  return template.replace(VARIABLE, (_, name: string) => write(variableOf(name, variables)));
}

function variableOf(name: string, variables: Variables): string | number | boolean | null {
  if (!Object.hasOwn(variables, name)) {
    throw new HttpFailure('HTTP_TEMPLATE', `the item has no "${name}"`, {
      hint: 'Each item needs all variables of the request.',
    });
  }
  return variables[name]!;
}

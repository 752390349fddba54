/** Secrets of the environment, each for one host. Their values are in no spec, no row and no log. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { errors } from '../errors.ts';
import { HttpFailure } from './http-failure.ts';

export interface Secrets {
  /** @throws HttpFailure for a secret that is not known, or bound to another host */
  fill(headers: Readonly<Record<string, string>>, url: URL): Record<string, string>;
  /** Returns the headers without those that contain a secret, or have one of the names. */
  withoutSecrets(headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string>;
}

const shape = Compile(Type.Record(Type.String(), Type.Object({ host: Type.String(), value: Type.String() })));
const SECRET = /\{\{secret:([\w.-]{1,64})\}\}/g;

/** `text` is JSON: `{"NAME": {"host": "api.example.com", "value": "…"}}`. */
export function parseSecrets(text: string): Secrets {
  const known = new Map(Object.entries(parse(text)));
  const secretOf = (name: string, url: URL) => {
    const secret = known.get(name);
    if (!secret) throw new HttpFailure('HTTP_SECRET', `there is no secret "${name}"`, { hint: HINT });
    if (secret.host !== url.host) {
      throw new HttpFailure('HTTP_SECRET', `the secret "${name}" is not for ${url.host}`, { hint: HINT });
    }
    return secret.value;
  };
  return {
    fill: (headers, url) =>
      Object.fromEntries(
        Object.entries(headers).map(([header, value]) => [
          header,
          value.replace(SECRET, (_, name: string) => secretOf(name, url)),
        ]),
      ),
    withoutSecrets: (headers, names) =>
      Object.fromEntries(
        Object.entries(headers).filter(([header, value]) => !names.includes(header) && value.search(SECRET) < 0),
      ),
  };
}

const HINT = 'BATCH_HTTP_SECRETS has the secrets, each with its host.';

function parse(text: string): Record<string, { host: string; value: string }> {
  if (text === '') return {};
  try {
    const found: unknown = JSON.parse(text);
    if (shape.Check(found)) return found;
  } catch {
    // The text may contain the secrets, so it is not in the error.
  }
  throw errors.INVALID_SECRETS();
}

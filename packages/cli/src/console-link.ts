import { errors } from './errors.ts';

/**
 * Returns the console's address with a one-time code, so that no token stays in the terminal's history. `metrics`, with the
 * same path, may be asked in place of the gateway. Throws CLI_CONSOLE when no code is to be had.
 */
export const consoleLink = async (gateway: string, opsToken: string, metrics = gateway): Promise<string> =>
  `${gateway}/console/#code=${await issueCode(metrics, { authorization: `Bearer ${opsToken}` })}`;

/** Returns the address of the example pages with a one-time code for the token of their user. Throws CLI_CONSOLE, CLI_NO_EXAMPLES. */
export async function examplesLink(
  gateway: string,
  { ops, user }: { ops: string; user: string },
  metrics = gateway,
): Promise<string> {
  const page = await fetch(`${gateway}/examples/`).catch((cause: Error) => {
    throw errors.NO_EXAMPLES({ url: gateway, reason: cause.message }, { cause });
  });
  if (!page.ok) throw errors.NO_EXAMPLES({ url: gateway, reason: `it answered ${page.status}` });
  const headers = { authorization: `Bearer ${ops}`, 'tidemark-code-token': user };
  return `${gateway}/examples/#code=${await issueCode(metrics, headers)}`;
}

async function issueCode(metrics: string, headers: Record<string, string>): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(`${metrics}/console/code`, {
      method: 'POST',
      headers,
    });
  } catch (cause) {
    throw errors.CONSOLE({ url: metrics, reason: (cause as Error).message }, { cause });
  }
  if (!answer.ok) throw errors.CONSOLE({ url: metrics, reason: `it answered ${answer.status}` });
  return ((await answer.json()) as { code: string }).code;
}

import { errors } from './errors.ts';

/**
 * Returns the console's address with a one-time code, so that no token stays in the terminal's history. `metrics`, with the
 * same path, may be asked in place of the gateway. Throws CLI_CONSOLE when no code is to be had.
 */
export async function consoleLink(gateway: string, opsToken: string, metrics: string = gateway): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(`${metrics}/console/code`, {
      method: 'POST',
      headers: { authorization: `Bearer ${opsToken}` },
    });
  } catch (cause) {
    throw errors.CONSOLE({ url: metrics, reason: (cause as Error).message }, { cause });
  }
  if (!answer.ok) throw errors.CONSOLE({ url: metrics, reason: `it answered ${answer.status}` });
  const { code } = (await answer.json()) as { code: string };
  return `${gateway}/console/#code=${code}`;
}

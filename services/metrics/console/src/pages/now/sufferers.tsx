import { Link } from '../../address/router.tsx';
import type { Finding } from './evidence.ts';

/** Rules about what users notice. */
const OF_USERS = /^(route|requests|live)\./;
const MAX_SHOWN = 3;

/** Names what users notice, then the instances that are affected. */
export function Sufferers({ finding, consequences }: { finding: Finding; consequences: readonly Finding[] }) {
  const noticed = [finding, ...consequences].filter(({ rule }) => OF_USERS.test(rule));
  const { affects } = finding;
  return (
    <>
      {noticed.slice(0, MAX_SHOWN).map(({ key, message }) => (
        <p key={key}>{message}</p>
      ))}
      {noticed.length > MAX_SHOWN && <p>and {noticed.length - MAX_SHOWN} more routes</p>}
      {noticed.length === 0 && <p>No route is slow, fails or refuses because of it so far.</p>}
      {affects.length > 0 && (
        <p class="hint">
          Affected:{' '}
          {affects.slice(0, 8).map((key, index) => (
            <span key={key}>
              {index > 0 && ', '}
              <Link page="processes" params={{ instance: key }}>
                {key.split('/').at(-1)}
              </Link>
            </span>
          ))}
          {affects.length > 8 && ` and ${affects.length - 8} more`}
        </p>
      )}
    </>
  );
}

import { PAGES } from '../address/pages.ts';
import { Link, useAddress } from '../address/router.tsx';

export function Tabs() {
  const { page } = useAddress();
  return (
    <nav class="tabs" aria-label="Pages">
      {PAGES.map(({ name, title, key }) => (
        <Link key={name} page={name} current={name === page} title={`g ${key}`}>
          {title}
        </Link>
      ))}
    </nav>
  );
}

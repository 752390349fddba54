import { useEffect } from 'preact/hooks';
import { type PageName, pageOf } from './address/pages.ts';
import { useAddress } from './address/router.tsx';
import { startKeys } from './keys/keys.ts';
import { session, useConnection, useTopic } from './live/session.ts';
import { DataPage } from './pages/data/data-page.tsx';
import { DatabasePage } from './pages/database/database-page.tsx';
import { IncidentsPage } from './pages/incidents/incidents-page.tsx';
import { JobsPage } from './pages/jobs/jobs-page.tsx';
import { LivePage } from './pages/live/live-page.tsx';
import { NowPage } from './pages/now/now-page.tsx';
import { ProcessesPage } from './pages/processes/processes-page.tsx';
import { QueriesPage } from './pages/queries/queries-page.tsx';
import { RequestsPage } from './pages/requests/requests-page.tsx';
import { Announcements, announce } from './parts/announce.tsx';
import { Failing, Lost } from './shell/lost.tsx';
import { focusSearch } from './shell/search.tsx';
import { Tabs } from './shell/tabs.tsx';
import { TopBar } from './shell/top-bar.tsx';
import { TokenForm } from './token-form.tsx';

const SHOWN: Record<PageName, () => preact.JSX.Element> = {
  '': NowPage,
  requests: RequestsPage,
  queries: QueriesPage,
  database: DatabasePage,
  live: LivePage,
  jobs: JobsPage,
  processes: ProcessesPage,
  incidents: IncidentsPage,
  data: DataPage,
};

export function Console() {
  const state = useConnection();
  const { page } = useAddress();

  useEffect(() => {
    const resume = () => void session.resume();
    resume();
    addEventListener('hashchange', resume);
    return () => removeEventListener('hashchange', resume);
  }, []);
  useEffect(() => startKeys(focusSearch), []);
  useEffect(() => session.want(pageOf(page).topics), [page]);
  useTitle(pageOf(page).title);

  if (state.is === 'asking') {
    return <TokenForm refusal={state.refusal} use={(given) => session.use(given)} />;
  }
  const Page = SHOWN[page];
  return (
    <>
      <TopBar />
      <Tabs />
      <main class={state.is === 'live' ? '' : 'stale'}>
        <Lost />
        <Failing />
        <Page key={page} />
      </main>
      <footer>
        <span>
          <kbd>/</kbd> search <kbd>g</kbd> and a letter: page <kbd>↑</kbd> <kbd>↓</kbd> rows <kbd>Esc</kbd> back{' '}
          <kbd>space</kbd> pause
        </span>
        <button type="button" onClick={() => session.forget()}>
          Forget the token
        </button>
      </footer>
      <Announcements />
    </>
  );
}

/** The title tells a tab in the background of a problem; a screen reader hears when another one is the worst. */
function useTitle(page: string): void {
  const { is } = useConnection();
  const status = useTopic('status')?.value;
  const known = is === 'live' && status !== undefined;
  const problems = known ? status.problems : null;
  const word = problems === null ? 'Unknown' : problems === 0 ? 'All is well' : `▲ ${problems}`;
  useEffect(() => {
    document.title = is === 'asking' ? 'Tidemark console' : `${word} · ${page} · Tidemark`;
  }, [page, word, is]);
  useEffect(() => {
    if (known) announce(status.message ?? 'All is well');
    else if (is === 'waiting') announce('The connection to the metrics service is lost');
  }, [known, status?.key, is]);
}

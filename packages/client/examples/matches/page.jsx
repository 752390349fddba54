import { useLive, useQuery } from '@tidemark/client/react';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect, rows, token } from '../session.js';

const tidemark = connect();

function App() {
  const { rows: teams } = useQuery(tidemark.from('teams').select('id,name'));
  const { rows: matches, status } = useLive(
    tidemark.from('matches').select('*').neq('status', 'scheduled').order('id', { ascending: false }).limit(14),
  );
  const [chosen, setChosen] = useState(null);
  const nameOf = (id) => teams?.find((team) => team.id === id)?.name ?? '…';
  const match = matches.find(({ id }) => id === chosen) ?? matches[0];
  return (
    <div className="columns">
      <section className="card">
        <h2>Matches</h2>
        {matches.length === 0 && <p>{status}</p>}
        <ul className="list">
          {matches.map((one) => (
            <li key={one.id}>
              <button
                type="button"
                className="pick"
                aria-pressed={one.id === match.id}
                onClick={() => setChosen(one.id)}
              >
                <span className="score">
                  {one.home_score}:{one.away_score}
                </span>
                {nameOf(one.home_team_id)} – {nameOf(one.away_team_id)}{' '}
                <span className="soft">{one.status === 'live' ? 'live' : ''}</span>
              </button>
            </li>
          ))}
        </ul>
      </section>
      {match && <Commentary match={match} nameOf={nameOf} />}
    </div>
  );
}

function Commentary({ match, nameOf }) {
  const { rows: entries, error } = useLive(
    tidemark
      .from('commentary')
      .select('id,sequence,minute,kind,actor,message')
      .eq('match_id', match.id)
      .order('sequence', { ascending: false })
      .limit(15),
  );
  const [problem, setProblem] = useState('');
  const write = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const message = new FormData(form).get('message');
    try {
      await rows(tidemark.from('commentary').insert({ match_id: match.id, minute: entries[0]?.minute ?? 0, message }));
      form.reset();
      setProblem('');
    } catch (cause) {
      setProblem(cause.message);
    }
  };
  return (
    <section className="card">
      <h2>
        {nameOf(match.home_team_id)} {match.home_score}:{match.away_score} {nameOf(match.away_team_id)}
      </h2>
      {token && (
        <form onSubmit={write}>
          <input name="message" aria-label="Entry" placeholder="What happens?" autoComplete="off" required />
          <button className="main" type="submit">
            Write
          </button>
        </form>
      )}
      <p>{problem || error?.message}</p>
      <ul className="list">
        {entries.map(({ id, minute, kind, actor, message }) => (
          <li key={id} className={kind === 'goal' ? 'goal' : undefined}>
            <span className="soft">
              {minute}′ {kind === 'comment' ? '' : kind.replace('_', ' ')} {actor}
            </span>
            <br />
            {message}
          </li>
        ))}
      </ul>
    </section>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

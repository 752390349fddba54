import { useJob, useLive } from '@tidemark/client/react';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect, rows, say } from '../session.js';

const BATCH = {
  kind: 'image.transform',
  spec: { input: { prefix: 'demo/images/' }, transform: { resize: { width: 96 }, format: 'webp' } },
};
const LANGUAGES = ['en', 'de', 'el', 'ja'];
/** Each device has a connection of its own, as it would have elsewhere. */
const DEVICES = ['Phone', 'Laptop'].map((name) => ({ name, client: connect('sync') }));

function Device({ name, client }) {
  const { rows: preferences, status } = useLive(client.from('preferences').select('owner,key,value'));
  const { rows: batches } = useLive(
    client
      .from('batches')
      .select('id,title,job_id')
      .not('job_id', 'is', null)
      .order('id', { ascending: false })
      .limit(3),
  );
  const language = preferences.find(({ key }) => key === 'language')?.value ?? 'en';
  const choose = (value) =>
    rows(client.from('preferences').upsert({ key: 'language', value }, { onConflict: 'owner,key' })).catch(tell);
  const start = async () => {
    const { id } = await client.jobs.start(BATCH);
    await rows(client.from('batches').insert({ title: `Smaller copies, from the ${name.toLowerCase()}`, job_id: id }));
  };
  return (
    <section className="card" aria-label={name}>
      <h2>
        {name} <span className="soft">{status}</span>
      </h2>
      <label>
        Language{' '}
        <select value={language} onChange={(event) => choose(event.target.value)}>
          {LANGUAGES.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <p />
      <button type="button" className="main" onClick={() => start().catch(tell)}>
        Start a batch of 300 images
      </button>
      <ul className="list">
        {batches.map((batch) => (
          <Batch key={batch.id} client={client} batch={batch} />
        ))}
      </ul>
    </section>
  );
}

function Batch({ client, batch }) {
  const { job, isOver } = useJob(client, batch.job_id);
  const [failure, setFailure] = useState('');
  const done = job ? job.done + job.failed : 0;
  const cancel = () => client.jobs.cancel(batch.job_id).catch((error) => setFailure(error.message));
  return (
    <li>
      {batch.title}
      <progress aria-label={batch.title} value={done} max={job?.total || 1} />
      <span className="soft">
        {job ? `${done} of ${job.total}, ${job.state}` : '…'} {failure}
      </span>{' '}
      {job && !isOver && (
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      )}
    </li>
  );
}

const tell = (error) => say(error.message);

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <div className="halves">
      {DEVICES.map((device) => (
        <Device key={device.name} {...device} />
      ))}
    </div>
  </StrictMode>,
);

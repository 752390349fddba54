import { claims, connect, element, rows, say } from '../session.js';

const corpus = connect('corpus');
const [threads, messages, title, form] = ['threads', 'messages', 'title', 'write'].map((id) =>
  document.getElementById(id),
);
let chosen;
let live;

function choose(thread) {
  chosen = thread;
  title.textContent = thread.title;
  form.hidden = false;
  live?.close();
  messages.replaceChildren();
  live = corpus
    .from('messages')
    .select('id,role,author,content')
    .eq('thread_id', thread.id)
    .order('id', { ascending: false })
    .limit(20)
    .live();
  live.onChange((newest) => {
    const shown = [...newest]
      .reverse()
      .map(({ role, author, content }) =>
        element(
          'li',
          { className: author === claims.sub ? 'mine' : '' },
          element('span', { className: 'soft', textContent: author ?? role }),
          element('br'),
          content,
        ),
      );
    messages.replaceChildren(...shown);
  });
  live.onStatus((status, error) => say(error ? `${status}: ${error.message}` : ''));
  showThreads();
}

const newest = corpus
  .from('threads')
  .select('id,title,messages,last_message_at')
  .eq('state', 'open')
  .order('last_message_at', { ascending: false })
  .order('id', { ascending: false })
  .limit(15)
  .live();

function showThreads() {
  threads.replaceChildren(
    ...newest.rows.map((thread) => {
      const count = element('span', { className: 'score', textContent: thread.messages });
      const button = element('button', { className: 'pick', onclick: () => choose(thread) }, count, thread.title);
      button.setAttribute('aria-pressed', String(thread.id === chosen?.id));
      return element('li', {}, button);
    }),
  );
}
newest.onChange((all) => {
  if (!chosen && all[0]) choose(all[0]);
  else showThreads();
});
newest.onStatus((status, error) => {
  if (error) say(`${status}: ${error.message}`);
});

form.onsubmit = async (event) => {
  event.preventDefault();
  const message = { workspace_id: claims.workspace_id, thread_id: chosen.id, content: form.elements.text.value };
  form.reset();
  await rows(corpus.from('messages').insert(message));
};

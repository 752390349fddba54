import { useState } from 'preact/hooks';
import type { Refusal } from './live/connection-state.ts';

export function TokenForm({ refusal, use }: { refusal: Refusal | null; use: (token: string) => void }) {
  const [token, setToken] = useState('');
  return (
    <main class="ask">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim()) use(token.trim());
        }}
      >
        <h2>Token required</h2>
        <p>
          The console is for operators. <code>npx --no -- tidemark console</code> prints a link that needs no token. Or
          paste one with the role <code>ops</code>: <code>"ops"</code> in <code>.tidemark/credentials.json</code>.
        </p>
        {refusal && (
          <div class="lost" role="alert">
            <p>
              <strong>Not accepted</strong>: {refusal.message}.
            </p>
            {refusal.hint && <p class="hint">{refusal.hint}</p>}
          </div>
        )}
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit">Show the figures</button>
        <p class="hint">The token is kept until you close this tab.</p>
      </form>
    </main>
  );
}

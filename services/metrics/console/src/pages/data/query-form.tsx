import { useState } from 'preact/hooks';
import { nameOfTable, useTables } from '../database/tables.tsx';

const LIMIT = 50;

export function QueryForm(props: {
  query: string;
  schema: string;
  ask: (asked: { query: string; schema: string | undefined }) => void;
}) {
  const [query, setQuery] = useState(props.query);
  const [schema, setSchema] = useState(props.schema);
  const { value } = useTables();
  const tables = [...(value?.tables ?? [])].sort((a, b) => nameOfTable(a).localeCompare(nameOfTable(b)));
  const ask = (asked: string, of: string) => props.ask({ query: asked, schema: of === 'public' ? undefined : of });
  return (
    <form
      class="controls"
      onSubmit={(event) => {
        event.preventDefault();
        ask(query.trim().replace(/^\/?(rest\/v1\/)?/, ''), schema.trim() || 'public');
      }}
    >
      <select
        aria-label="Table"
        value=""
        onChange={(event) => {
          const table = tables.find((one) => nameOfTable(one) === event.currentTarget.value);
          if (table) ask(`${table.table}?limit=${LIMIT}`, table.schema);
        }}
      >
        <option value="">a table …</option>
        {tables.map((table) => (
          <option key={nameOfTable(table)} value={nameOfTable(table)}>
            {nameOfTable(table)}
          </option>
        ))}
      </select>
      <label>
        Schema{' '}
        <input
          class="narrow"
          value={schema}
          spellcheck={false}
          onInput={(event) => setSchema(event.currentTarget.value)}
        />
      </label>
      <label class="wide-field">
        /rest/v1/
        <input
          required
          value={query}
          placeholder="commentary?minute=gte.60&order=id.desc&limit=50"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Look</button>
    </form>
  );
}

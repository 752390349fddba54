import fc from 'fast-check';
import t from 'tap';
import { type Chunk, type ChunkEvent, type ChunkState, nextChunk } from '../../src/chunks/chunk-state.ts';
import { CHUNK_STATES, CHUNK_TABLE, COLUMNS, eventOf, MAX_ATTEMPTS } from './chunk-table.ts';

t.test('every state and event', async (t) => {
  for (const state of CHUNK_STATES) {
    for (const column of COLUMNS) {
      const attempt = column.includes('last attempt') ? MAX_ATTEMPTS : 2;
      t.same(
        nextChunk({ state, attempt }, eventOf(column, attempt), MAX_ATTEMPTS),
        CHUNK_TABLE[state][column],
        `${state}, ${column}`,
      );
    }
  }
});

const anyEvent: fc.Arbitrary<ChunkEvent> = fc.oneof(
  fc.record({ type: fc.constantFrom('publish', 'lost', 'cancel') }),
  fc.record({ type: fc.constantFrom('claim', 'complete', 'hand_back', 'fault'), attempt: fc.nat(5) }),
);

t.test('from any history: completed at most once, attempts only grow and stay bounded, an end is an end', async () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      let chunk: Chunk = { state: 'planned', attempt: 0 };
      let completions = 0;
      const over: ChunkState[] = ['done', 'failed', 'cancelled'];
      for (const event of events) {
        const next = nextChunk(chunk, event, MAX_ATTEMPTS);
        if (!next) continue;
        if (over.includes(chunk.state) || next.attempt < chunk.attempt || next.attempt > MAX_ATTEMPTS) return false;
        if (event.type === 'complete') completions += 1;
        chunk = next;
      }
      return completions <= 1;
    }),
  );
});

t.test('a runner of an earlier attempt changes nothing', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom<ChunkState>(...CHUNK_STATES),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom('claim', 'complete', 'hand_back', 'fault'),
      (state, attempt, type) =>
        nextChunk({ state, attempt }, { type, attempt: attempt - 1 }, MAX_ATTEMPTS) === undefined,
    ),
  );
});

import fc from 'fast-check';
import t from 'tap';
import { type Chunk, type ChunkEvent, type ChunkState, nextChunk } from '../../src/chunks/chunk-state.ts';
import { CHUNK_STATES, CHUNK_TABLE, COLUMNS, chunkBefore, eventOf, MAX_LOSSES } from './chunk-table.ts';

t.test('every event does in every state what the table says', async (t) => {
  for (const state of CHUNK_STATES) {
    for (const column of COLUMNS) {
      const before = chunkBefore(state, column);
      const change = CHUNK_TABLE[state][column];
      const after = nextChunk(before, eventOf(column, before.attempt), MAX_LOSSES);
      t.same(after, change && { ...before, ...change }, `${state}, ${column}`);
    }
  }
});

const anyEvent: fc.Arbitrary<ChunkEvent> = fc.oneof(
  fc.record({ type: fc.constantFrom('publish', 'claim', 'lost', 'cancel') }),
  fc.record({ type: fc.constantFrom('complete', 'hand_back', 'fault'), attempt: fc.nat(5) }),
);

t.test(
  'after any sequence of events a chunk has completed at most once, its losses are bounded, and an ended chunk stays ended',
  async () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), fc.integer({ min: 1, max: 2 }), (events, items) => {
        let chunk: Chunk = { state: 'planned', attempt: 0, losses: 0, items };
        let completions = 0;
        const over: ChunkState[] = ['done', 'split', 'failed', 'cancelled'];
        for (const event of events) {
          const next = nextChunk(chunk, event, MAX_LOSSES);
          if (!next) continue;
          if (over.includes(chunk.state) || next.attempt < chunk.attempt || next.losses > MAX_LOSSES) return false;
          if (event.type === 'complete') completions += 1;
          chunk = next;
        }
        return completions <= 1;
      }),
    );
  },
);

t.test('a runner of an earlier attempt changes nothing', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom<ChunkState>(...CHUNK_STATES),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom('complete', 'hand_back', 'fault'),
      (state, attempt, type) =>
        nextChunk({ state, attempt, losses: 0, items: 2 }, { type, attempt: attempt - 1 }, MAX_LOSSES) === undefined,
    ),
  );
});

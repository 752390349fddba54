import type { Member } from '@tidemark/contracts';
import fc from 'fast-check';
import t from 'tap';
import { Presence, type PresenceChange } from '../../src/channels/presence.ts';

const member = (id: string, state = {}): Member => ({ id, user: null, state });

t.test('takes the members from the last messages of the instances', async (t) => {
  const presence = new Presence();
  presence.put(member('own'));
  t.same(presence.hear({ kind: 'here', instance: 'b', members: [member('1'), member('2')] }, 10), {
    joined: [member('1'), member('2')],
    left: [],
  });
  t.equal(presence.hear({ kind: 'here', instance: 'b', members: [member('1'), member('2')] }, 20), undefined);
  t.same(presence.hear({ kind: 'change', instance: 'b', joined: [member('2', { n: 1 })], left: ['1'] }, 30), {
    joined: [member('2', { n: 1 })],
    left: ['1'],
  });
  t.equal(presence.count, 2);
  t.equal(presence.expire(30), undefined);
  t.same(presence.expire(31), { joined: [], left: ['2'] });
  t.same(presence.all(), [member('own')]);
});

t.test('sends changes from which any receiver gets the same members', async () => {
  const ids = fc.constantFrom('1', '2', '3', '4');
  const members = fc.uniqueArray(fc.record({ id: ids, user: fc.constant(null), state: fc.record({ n: fc.nat(2) }) }), {
    selector: (one) => one.id,
  });
  const instance = fc.constantFrom('a', 'b');
  const said = fc.oneof(
    fc.record({ kind: fc.constant('here' as const), instance, members }),
    fc.record({ kind: fc.constant('change' as const), instance, joined: members, left: fc.uniqueArray(ids) }),
    fc.record({ kind: fc.constant('expire' as const), since: fc.nat(60) }),
  );
  fc.assert(
    fc.property(fc.array(said, { maxLength: 50 }), (words) => {
      const presence = new Presence();
      const seen = new Map<string, Member>();
      for (const [now, word] of words.entries()) {
        // Ids are random and never of two instances at once: each instance's are marked.
        const mark = (m: Member) => ({ ...m, id: `${(word as { instance: string }).instance}${m.id}` });
        let change: PresenceChange | undefined;
        if (word.kind === 'expire') change = presence.expire(word.since);
        else if (word.kind === 'here') change = presence.hear({ ...word, members: word.members.map(mark) }, now);
        else {
          const left = word.left.map((id) => `${word.instance}${id}`);
          change = presence.hear({ ...word, joined: word.joined.map(mark), left }, now);
        }
        for (const id of change?.left ?? []) seen.delete(id);
        for (const one of change?.joined ?? []) seen.set(one.id, one);
      }
      const sorted = (all: Iterable<Member>) => JSON.stringify([...all].sort((a, b) => (a.id < b.id ? -1 : 1)));
      return sorted(presence.all()) === sorted(seen.values());
    }),
  );
});

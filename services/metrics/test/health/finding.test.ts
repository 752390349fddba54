import t from 'tap';
import { createDebouncer, type Finding, statusOf } from '../../src/health/finding.ts';

t.test(
  'counts a finding after its hold time, restarts that time after a gap, and sorts down before degraded',
  async (t) => {
    const debouncer = createDebouncer();
    const slow: Finding = {
      rule: 'pool.exhausted',
      subject: 'slow',
      key: 'slow',
      severity: 'degraded',
      message: '',
      hint: '',
      holdMs: 3_000,
    };
    const down: Finding = {
      rule: 'postgres.down',
      subject: 'down',
      key: 'down',
      severity: 'down',
      message: '',
      hint: '',
    };
    const keys = (findings: Finding[]) => findings.map(({ key }) => key);
    t.same(keys(debouncer.update([slow], 0)), []);
    t.same(keys(debouncer.update([slow], 2_999)), []);
    t.same(keys(debouncer.update([slow, down], 3_000)), ['down', 'slow']);
    t.same(keys(debouncer.update([], 4_000)), []);
    t.same(keys(debouncer.update([slow], 5_000)), []);
    t.same([statusOf([]), statusOf([slow]), statusOf([slow, down])], ['ok', 'degraded', 'down']);
  },
);

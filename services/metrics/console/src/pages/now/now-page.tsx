import { Changed } from './changed.tsx';
import { Next } from './next.tsx';
import { Path } from './path.tsx';
import { Users } from './users.tsx';
import { Verdict } from './verdict.tsx';

export function NowPage() {
  return (
    <>
      <Verdict />
      <Path />
      <div class="panels now">
        <Users />
        <Next />
        <Changed />
      </div>
    </>
  );
}

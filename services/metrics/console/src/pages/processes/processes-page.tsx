import { useAddress } from '../../address/router.tsx';
import { useAnswer } from '../../live/use-answer.ts';
import { Collectors } from './collectors.tsx';
import { InstanceDetail } from './instance-detail.tsx';
import { Instances } from './instances.tsx';
import type { ProcessesAnswer } from './processes.ts';
import { Streams } from './streams.tsx';

export function ProcessesPage() {
  const { instance } = useAddress().params;
  const answer = useAnswer<ProcessesAnswer>('processes', { everyMs: 2_000 });
  return (
    <div class="panels">
      {instance !== undefined && <InstanceDetail name={instance} answer={answer} />}
      <Instances answer={answer} selected={instance} />
      <Streams answer={answer} />
      <Collectors answer={answer} />
    </div>
  );
}

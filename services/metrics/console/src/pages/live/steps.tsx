import type { LiveExplained } from '@tidemark/contracts';

type Step = LiveExplained['steps'][number];

/** The steps in the order in which realtime decides them. */
export function Steps({ steps }: { steps: readonly Step[] }) {
  return (
    <ol class="steps">
      {steps.map((step, index) => (
        <li key={index} class={toneOf(step.passed)}>
          <span class="verdict-mark" aria-hidden="true">
            {step.passed === null ? '?' : step.passed ? '✓' : '✗'}
          </span>
          <span>
            <b>{nameOf(step)}</b> <span class="hidden">{step.passed ? 'passed' : 'did not pass'}</span>
            {'expression' in step && <code>{step.expression}</code>} {'detail' in step && step.detail}
            {'value' in step && step.value !== undefined && (
              <span class="hint">
                {' '}
                the row has <code>{step.value}</code>
              </span>
            )}
            {step.step === 'policy' && step.readsMore && (
              <span class="hint"> evaluated now: it reads more than the row</span>
            )}
            {'parts' in step && step.parts && (
              <ul>
                {step.parts.map((part) => (
                  <li key={part.expression} class={toneOf(part.passed)}>
                    {part.passed ? '✓' : '✗'} <code>{part.expression}</code>{' '}
                    {part.value !== undefined && <span class="hint">the row has {part.value}</span>}
                  </li>
                ))}
              </ul>
            )}
          </span>
        </li>
      ))}
    </ol>
  );
}

const toneOf = (passed: boolean | null) => (passed ? 'passed' : 'failed');

function nameOf(step: Step): string {
  if (step.step === 'policy') return `policy ${step.name} (${step.kind}), ${step.row} row`;
  if (step.step === 'filter' || step.step === 'policies') return `${step.step}, ${step.row} row`;
  return step.step;
}

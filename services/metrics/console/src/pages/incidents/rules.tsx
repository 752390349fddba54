import { RULES } from '../../../../src/health/rule-names.ts';
import { useTopic } from '../../live/session.ts';
import { Panel } from '../../parts/panel.tsx';

/** Every rule, whether it finds something now, and whether it can. */
export function Rules() {
  const received = useTopic('findings');
  const found = new Set(received?.value.findings.map(({ rule }) => rule));
  const unknown = new Map(received?.value.unknown.map(({ rule, why }) => [rule, why]));
  return (
    <Panel id="rules" title="Rules" wide>
      <ul class="rules">
        {Object.entries(RULES).map(([rule, when]) => (
          <li key={rule} class={found.has(rule) ? 'warn-text' : unknown.has(rule) ? 'muted' : undefined}>
            <b>{rule}</b> {unknown.has(rule) ? `unknown: ${unknown.get(rule)}` : when}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

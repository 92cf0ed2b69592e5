/** What must hold of a node, what does not first. */
import { dot, h } from './dom.ts'

export function conditionList(
  conditions: readonly { name: string; ok: boolean; detail: string; advisory?: boolean }[],
): HTMLElement {
  const sorted = [...conditions].sort((a, b) => Number(a.ok) - Number(b.ok))
  return h(
    'ul',
    { class: 'lines' },
    ...sorted.map(({ name, ok, detail, advisory }) =>
      h(
        'li',
        { class: ok ? 'ok' : advisory ? 'look' : 'bad' },
        dot(),
        h('span', {}, ok ? name : `${name}: ${detail}`),
      ),
    ),
  )
}

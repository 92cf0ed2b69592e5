/** What changed since `podroute ui` was started, the newest first. */
import type { Change } from '../model/report.ts'
import { dot, h } from './dom.ts'
import type { State } from './state.ts'
import type { View } from './view.ts'

const MOST = 300
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

export class TimelineView implements View {
  readonly name = 'Timeline'
  readonly #filter = h('input', {
    type: 'search',
    placeholder: 'Filter',
    'aria-label': 'Filter',
    input: () => this.#draw(),
  })
  readonly #list = h('ul')
  readonly element = h('div', { class: 'pad timeline' }, h('div', { class: 'bar' }, this.#filter), this.#list)
  #changes: readonly Change[] = []
  #shown: readonly Change[] | undefined

  update({ changes }: State): void {
    if (changes === this.#shown) return
    this.#shown = changes
    this.#changes = changes
    this.#draw()
  }

  #draw(): void {
    const words = this.#filter.value.toLowerCase()
    const found = this.#changes.filter(({ node, text }) => `${node} ${text}`.toLowerCase().includes(words))
    const none =
      this.#changes.length === 0 ? 'Nothing has changed since podroute ui was started.' : 'Nothing of it.'
    if (found.length === 0) this.#list.replaceChildren(h('p', { class: 'quiet' }, none))
    else this.#list.replaceChildren(...found.slice(-MOST).toReversed().map(row))
  }
}

function row({ at, node, kind, text }: Change): HTMLElement {
  const time = h('time', { datetime: new Date(at).toISOString() }, clock.format(at))
  return h(
    'li',
    { class: kind },
    time,
    dot(),
    h('span', { class: 'who' }, node || 'cluster'),
    h('span', {}, text),
  )
}

/** The routes of the chosen node, beside the map: which prefix leads to whom, and which of them is not in the kernel. */
import { ask } from './api.ts'
import { h } from './dom.ts'

export interface Route {
  readonly destination: string
  readonly gateway?: string
  readonly state: string
  /** '': it leads to no Node. */
  readonly node: string
  readonly detail?: string
}

/** Milliseconds: for so long a choice stays until it is asked for, so that moving over nodes asks nobody. */
const SETTLE = 200
/** Between two looks while the map is shown. */
const PAUSE = 3000
const MOST_SHOWN = 40

export class RoutesOfNode {
  readonly element = h('div', { class: 'routes' })
  readonly #changed: () => void
  #node = ''
  #routes: readonly Route[] = []
  #shown = ''
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param changed what `of` says is different */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** What is known of them by now. Asks again as long as it is called for. @param node '': of none */
  of(node: string): readonly Route[] {
    if (node !== this.#node) {
      this.#node = node
      this.#told([])
      this.#askAfter(SETTLE)
    } else if (this.#timer === undefined) this.#askAfter(0)
    return this.#routes
  }

  #askAfter(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(), milliseconds)
  }

  async #ask(): Promise<void> {
    const node = this.#node
    if (node === '' || !this.element.isConnected) {
      this.#timer = undefined
      return
    }
    // A feature that is off has no such page.
    const { routes } = await ask<{ routes: readonly Route[] }>(node, '/routes').catch(() => ({ routes: [] }))
    if (node !== this.#node) return
    this.#told(routes)
    this.#askAfter(PAUSE)
  }

  #told(routes: readonly Route[]): void {
    const text = JSON.stringify(routes)
    if (text === this.#shown) return
    this.#shown = text
    this.#routes = routes
    this.#draw()
    this.#changed()
  }

  #draw(): void {
    const routes = [...this.#routes].sort((a, b) => Number(isIn(a)) - Number(isIn(b)))
    const more = routes.length - MOST_SHOWN
    this.element.replaceChildren(
      ...(routes.length === 0 ? [] : [h('h3', {}, `${routes.length} routes`)]),
      h('ul', {}, ...routes.slice(0, MOST_SHOWN).map(line)),
      ...(more > 0 ? [h('p', { class: 'quiet' }, `and ${more} more`)] : []),
    )
  }
}

function line({ destination, gateway = '', state, node, detail = '' }: Route): HTMLElement {
  const there = isIn({ state })
  return h(
    'li',
    {
      class: there ? 'ok' : 'bad',
      title: [`via ${gateway}`, state, detail].filter((text) => text !== '').join('\n'),
    },
    h('span', { class: 'mono' }, destination),
    h('span', { class: 'quiet' }, node || gateway),
    there ? undefined : h('span', {}, detail === '' ? state : `${state}: ${detail}`),
  )
}

/** Packets follow it. */
export function isIn({ state }: Pick<Route, 'state'>): boolean {
  return state === 'installed' || state === 'stale' || state === 'kept'
}

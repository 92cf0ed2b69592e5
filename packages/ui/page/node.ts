/** The tables of a node: the pages of its agent, as `podroute` shows them. */
import type { AgentReport } from '../model/report.ts'
import { ask } from './api.ts'
import { conditionList } from './conditions.ts'
import { h } from './dom.ts'
import { mapNodes, type State } from './state.ts'
import type { Shell, View } from './view.ts'

interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly empty: string
}

interface PageName {
  readonly name: string
  readonly summary: string
  readonly arguments?: readonly { readonly required?: boolean }[]
}

/** Milliseconds between two looks while the view is shown. */
const PAUSE = 2000
const MOST_ROWS = 500

export class NodeView implements View {
  readonly name = 'Node'
  readonly #shell: Shell
  readonly #select = h('select', {
    'aria-label': 'Node',
    change: () => this.#shell.choose(this.#select.value),
  })
  readonly #filter = h('input', {
    type: 'search',
    placeholder: 'Filter',
    'aria-label': 'Filter',
    input: () => this.#draw(),
  })
  readonly #tabs = h('div', { class: 'tabs' })
  readonly #body = h('div')
  readonly element = h(
    'div',
    { class: 'pad' },
    h('div', { class: 'bar' }, this.#select, this.#tabs, this.#filter),
    this.#body,
  )
  #page = 'status'
  #node = ''
  #options = ''
  #tables: readonly Table[] = []
  #problem = ''
  #shown = ''
  #timer: ReturnType<typeof setTimeout> | undefined
  #state: State | undefined

  constructor(shell: Shell) {
    this.#shell = shell
  }

  update(state: State): void {
    this.#state = state
    const names = mapNodes(state)
      .map(({ name }) => name)
      .filter((name) => state.agents.has(name))
    const node = state.agents.has(state.chosen) ? state.chosen : (names[0] ?? '')
    if (names.join() !== this.#options) {
      this.#options = names.join()
      this.#select.replaceChildren(...names.map((name) => h('option', { value: name }, name)))
    }
    this.#select.hidden = names.length < 2
    this.#select.value = node
    if (node !== this.#node) {
      this.#node = node
      void this.#askPages(node)
      this.#look()
    }
    if (this.#page === 'status') this.#draw()
    if (this.#timer === undefined) this.#look()
  }

  #open(page: string): void {
    this.#page = page
    for (const tab of this.#tabs.children) tab.setAttribute('aria-current', String(tab.id === `tab-${page}`))
    this.#look()
  }

  async #askPages(node: string): Promise<void> {
    const { pages } = await ask<{ pages: readonly PageName[] }>(node, '/pages').catch(() => ({ pages: [] }))
    const plain = pages.filter((page) => !page.arguments?.some(({ required }) => required))
    const tab = ({ name, summary }: PageName) =>
      h(
        'button',
        {
          id: `tab-${name}`,
          title: summary,
          'aria-current': String(name === this.#page),
          click: () => this.#open(name),
        },
        name,
      )
    this.#tabs.replaceChildren(...[{ name: 'status', summary: 'What is missing' }, ...plain].map(tab))
  }

  #look(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.element.isConnected || this.#node === '') return
    const [node, page] = [this.#node, this.#page]
    this.#timer = setTimeout(() => this.#look(), PAUSE)
    if (page === 'status') this.#draw()
    else this.#askTables(node, page)
  }

  #askTables(node: string, page: string): void {
    ask<{ tables: readonly Table[] }>(node, `/${page}/tables`).then(
      ({ tables }) => this.#told(node, page, tables, ''),
      (error: Error) => this.#told(node, page, [], error.message),
    )
  }

  #told(node: string, page: string, tables: readonly Table[], problem: string): void {
    if (node !== this.#node || page !== this.#page) return
    this.#tables = tables
    this.#problem = problem
    this.#draw()
  }

  #draw(): void {
    const words = this.#filter.value.toLowerCase()
    const report = this.#state?.agents.get(this.#node)
    const shown = JSON.stringify([
      this.#page,
      words,
      this.#page === 'status' ? report : [this.#tables, this.#problem],
    ])
    if (shown === this.#shown) return
    this.#shown = shown
    if (this.#page === 'status') this.#body.replaceChildren(statusElement(this.#node, report))
    else if (this.#problem !== '') this.#body.replaceChildren(h('p', { class: 'quiet' }, this.#problem))
    else {
      const tables = this.#tables.map((table) => tableElement(table, words))
      this.#body.replaceChildren(...tables.filter((one) => one !== undefined))
    }
  }
}

function statusElement(node: string, report: AgentReport | undefined): HTMLElement {
  const facts = report?.summary.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]) ?? []
  return h(
    'div',
    { class: 'way' },
    h('h2', {}, node),
    h('dl', {}, ...facts),
    h('h3', {}, 'Conditions'),
    conditionList(report?.conditions ?? []),
  )
}

function tableElement({ columns, rows, empty }: Table, words: string): HTMLElement | undefined {
  const found =
    words === '' ? rows : rows.filter((row) => row.some((cell) => cell.toLowerCase().includes(words)))
  if (found.length === 0) {
    const text = rows.length > 0 ? 'nothing of it' : empty
    return text === '' ? undefined : h('p', { class: 'quiet' }, text)
  }
  const more = found.length - MOST_ROWS
  return h(
    'div',
    { class: 'scroll', tabindex: '0' },
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, ...columns.map((column) => h('th', { scope: 'col' }, column)))),
      h(
        'tbody',
        {},
        ...found
          .slice(0, MOST_ROWS)
          .map((row) => h('tr', {}, ...row.map((cell) => h('td', {}, cell || '–')))),
        ...(more > 0
          ? [
              h(
                'tr',
                {},
                h('td', { colspan: String(columns.length), class: 'quiet' }, `${more} more: filter them`),
              ),
            ]
          : []),
      ),
    ),
  )
}

/** The way of a packet, drawn: what `podroute explain` says, hop by hop. */
import { ask } from './api.ts'
import { dot, h } from './dom.ts'
import { mapNodes, type State } from './state.ts'
import type { Shell, View } from './view.ts'

interface Hop {
  readonly step: string
  readonly detail: string
  readonly problem: string
  readonly depth: number
}

interface Way {
  readonly passes: boolean
  readonly hops: readonly Hop[]
}

export class PacketView implements View {
  readonly name = 'Packet'
  readonly #shell: Shell
  readonly #services = h('datalist', { id: 'known' })
  readonly #node = h('select', { 'aria-label': 'On node' })
  readonly #from = h('input', { placeholder: 'from: the node itself', 'aria-label': 'From' })
  readonly #to = h('input', {
    placeholder: 'to: default/web:80, an address, a pod',
    'aria-label': 'To',
    list: 'known',
    size: '34',
  })
  readonly #result = h('div', { class: 'way', 'aria-live': 'polite' })
  readonly element: HTMLElement
  #options = ''

  constructor(shell: Shell) {
    this.#shell = shell
    const explain = (event: Event) => {
      event.preventDefault()
      void this.#ask()
    }
    this.element = h(
      'div',
      { class: 'pad' },
      h(
        'form',
        { class: 'bar', submit: explain },
        this.#to,
        this.#from,
        this.#node,
        h('button', { class: 'chip' }, 'Explain'),
        this.#services,
      ),
      this.#result,
    )
    this.#result.append(
      h(
        'p',
        { class: 'quiet' },
        'Where does a packet go from here, and why does it not? Name a Service, a pod or an address.',
      ),
    )
  }

  update(state: State): void {
    const names = mapNodes(state)
      .map(({ name }) => name)
      .filter((name) => state.agents.has(name))
    const services = state.cluster.services.map(({ key }) => key)
    const options = JSON.stringify([names, services])
    if (options === this.#options) return
    this.#options = options
    const before = this.#node.value || this.#shell.state.chosen
    this.#node.replaceChildren(...names.map((name) => h('option', { value: name }, `on ${name}`)))
    if (names.includes(before)) this.#node.value = before
    this.#node.hidden = names.length < 2
    this.#services.replaceChildren(...services.map((key) => h('option', { value: key })))
  }

  focus(): void {
    this.#to.focus()
    this.#to.select()
  }

  explain(to: string): void {
    const { chosen, agents } = this.#shell.state
    if (agents.has(chosen)) this.#node.value = chosen
    this.#to.value = to
    void this.#ask()
  }

  async #ask(): Promise<void> {
    const [to, from] = [this.#to.value.trim(), this.#from.value.trim()]
    if (to === '') return
    const query = new URLSearchParams({ to, ...(from === '' ? {} : { from }) })
    try {
      this.#show(to, await ask<Way>(this.#node.value, `/explain?${query}`))
    } catch (error) {
      this.#result.replaceChildren(answer('bad', (error as Error).message))
    }
  }

  #show(to: string, { passes, hops }: Way): void {
    const ends = hops.find(({ problem }) => problem !== '')
    const said =
      hops.length === 0
        ? answer('', 'podroute has nothing to do with this address: the routes of the node decide')
        : answer(
            passes ? 'ok' : 'bad',
            passes ? `A packet to ${to} arrives` : `A packet to ${to} does not arrive: ${ends?.problem}`,
          )
    this.#result.replaceChildren(said, ...tree(hops, 0))
  }
}

function answer(health: string, text: string): HTMLElement {
  return h('p', { class: `answer ${health}` }, dot(), h('span', {}, text))
}

/** What lies behind a fork stands below it, its branches side by side. */
function tree(hops: readonly Hop[], depth: number): HTMLElement[] {
  const elements: HTMLElement[] = []
  for (let i = 0; i < hops.length; ) {
    let end = i
    while (end < hops.length && hops[end]!.depth > depth) end++
    if (end === i) elements.push(hopElement(hops[i++]!))
    else {
      const branches = branchesOf(hops.slice(i, end), depth + 1)
      elements.push(
        h(
          'div',
          { class: 'fork' },
          ...branches.map((one) => h('div', { class: 'branch' }, ...tree(one, depth + 1))),
        ),
      )
      i = end
    }
  }
  return elements
}

/** Each begins with its endpoint. */
function branchesOf(hops: readonly Hop[], depth: number): readonly (readonly Hop[])[] {
  const branches: Hop[][] = []
  for (const hop of hops)
    if (branches.length === 0 || (hop.depth === depth && hop.step === 'endpoint')) branches.push([hop])
    else branches.at(-1)!.push(hop)
  return branches
}

function hopElement({ step, detail, problem }: Hop): HTMLElement {
  return h(
    'div',
    { class: problem === '' ? 'hop' : 'hop bad' },
    h(
      'div',
      { class: 'card' },
      h('div', { class: 'step' }, step),
      h('div', {}, detail),
      ...(problem === '' ? [] : [h('div', { class: 'why' }, problem)]),
    ),
  )
}

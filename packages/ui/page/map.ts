/** The cluster as a map: routers, nodes, Services with their addresses; sessions are lines. */
import type { Announced, KnownService, Session } from '../model/report.ts'
import { conditionList } from './conditions.ts'
import { dot, h, setAttribute, setText } from './dom.ts'
import { Lines } from './lines.ts'
import { RoutesOfNode } from './routes.ts'
import { healthOf, type MapNode, mapNodes, type State } from './state.ts'
import type { Shell, View } from './view.ts'

interface Tile {
  readonly element: HTMLButtonElement
  readonly name: HTMLElement
  readonly line: HTMLElement
  readonly detail: HTMLElement
}

/** So many nodes make a ring with all their sessions, so many have their names; more are dots. */
const RING = 14
const NAMED = 120
const MOST_CHIPS = 60

export class MapView implements View {
  readonly name = 'Map'
  readonly element: HTMLElement
  readonly #shell: Shell
  readonly #routers = h('div', { class: 'tiles routers' })
  readonly #routersLayer = h('section', { class: 'layer' }, h('h3', {}, 'Routers'), this.#routers)
  readonly #tiles = h('div', { class: 'tiles nodes', role: 'listbox', 'aria-label': 'Nodes' })
  readonly #nodesTitle = h('h3')
  readonly #services = h('div', { class: 'chips' })
  readonly #servicesTitle = h('h3')
  readonly #canvas: HTMLElement
  readonly #lines: Lines
  readonly #facts = h('div')
  readonly #routes: RoutesOfNode
  readonly #tileOf = new Map<string, Tile>()
  readonly #routerOf = new Map<string, Tile>()
  #names: readonly string[] = []
  #shownServices = ''
  #shownAside = ''

  constructor(shell: Shell) {
    this.#shell = shell
    this.#canvas = h(
      'div',
      { class: 'canvas' },
      this.#routersLayer,
      h('section', { class: 'layer' }, this.#nodesTitle, this.#tiles),
      h('section', { class: 'layer' }, this.#servicesTitle, this.#services),
    )
    this.#lines = new Lines(this.#canvas)
    this.#routes = new RoutesOfNode(() => shell.changed())
    const aside = h('aside', { 'aria-label': 'The chosen node' }, this.#facts, this.#routes.element)
    this.element = h('div', { class: 'map' }, this.#canvas, aside)
    new ResizeObserver(() => {
      this.#lines.moved()
      shell.changed()
    }).observe(this.#canvas)
  }

  update(state: State): void {
    const nodes = mapNodes(state)
    const chosen = state.chosen || nodes[0]?.name || ''
    this.#drawRouters(state)
    this.#drawNodes(nodes, chosen)
    this.#drawServices(state)
    this.#drawAside(state, chosen)
    const all = this.#names.length <= RING
    const tiles = [...this.#tileOf, ...this.#routerOf].map(([name, { element }]) => [name, element] as const)
    const routes = this.#routes.of(state.agents.has(chosen) ? chosen : '')
    this.#lines.draw(state, { chosen, all, tiles, routes })
  }

  key(key: string): boolean {
    const at = Math.max(0, this.#names.indexOf(this.#shell.state.chosen))
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#perRow(), ArrowUp: -this.#perRow() }[key]
    if (key === 'Enter') this.#shell.show('Node')
    if (step === undefined) return key === 'Enter'
    const name = this.#names[Math.min(this.#names.length - 1, Math.max(0, at + step))]
    if (name === undefined) return false
    this.#shell.choose(name)
    this.#tileOf.get(name)?.element.focus({ preventScroll: false })
    return true
  }

  #perRow(): number {
    const tops = this.#names.map((name) => this.#tileOf.get(name)!.element.offsetTop)
    if (this.#names.length <= RING) return 1
    return Math.max(1, tops.filter((top) => top === tops[0]).length)
  }

  #drawRouters({ agents }: State): void {
    const routers = new Map<string, { session: Session; up: number; all: number }>()
    for (const { sessions } of agents.values())
      for (const session of sessions)
        if (session.kind === 'external') {
          const one = routers.get(session.name) ?? { session, up: 0, all: 0 }
          one.all++
          if (session.state === 'established') one.up++
          routers.set(session.name, one)
        }
    this.#routersLayer.hidden = routers.size === 0
    for (const [name, { session, up, all }] of routers) {
      const tile = this.#tile(this.#routerOf, name, this.#routers, () => {})
      this.#fill(tile, {
        name: session.description ?? name,
        health: up === all ? 'ok' : up === 0 ? 'bad' : 'look',
        line: `AS ${session.asn}`,
        detail: `${up} of ${all} sessions`,
      })
    }
    forget(this.#routerOf, routers)
  }

  #drawNodes(nodes: readonly MapNode[], chosen: string): void {
    const names = nodes.map(({ name }) => name)
    const size = nodes.length > NAMED ? 'crowd' : nodes.length > RING * 2 ? 'many' : ''
    setAttribute(this.#canvas, 'class', `canvas ${size}`.trim())
    setText(this.#nodesTitle, nodes.length === 1 ? 'Node' : `${nodes.length} nodes`)
    for (const node of nodes) {
      const tile = this.#tile(this.#tileOf, node.name, this.#tiles, () => this.#shell.choose(node.name))
      this.#fill(tile, node)
      setAttribute(tile.element, 'aria-selected', String(node.name === chosen))
      setAttribute(tile.element, 'tabindex', node.name === chosen ? '0' : '-1')
    }
    if (forget(this.#tileOf, new Set(names)) || names.join() !== this.#names.join()) {
      this.#names = names
      this.#tiles.append(...names.map((name) => this.#tileOf.get(name)!.element))
      this.#lines.moved()
    }
    this.#place(nodes.length)
  }

  /** Few stand around a ring, so that no session runs behind a node. */
  #place(count: number): void {
    const ring = count > 2 && count <= RING
    this.#tiles.classList.toggle('ring', ring)
    if (!ring) {
      this.#tiles.style.height = ''
      return
    }
    const [width, height] = [this.#tiles.clientWidth, Math.min(420, 150 + count * 34)]
    this.#tiles.style.height = `${height}px`
    const [x, y] = [Math.max(0, Math.min(width, 980) / 2 - 90), height / 2 - 36]
    for (const [i, name] of this.#names.entries()) {
      const angle = (2 * Math.PI * (i + 0.5)) / count - Math.PI / 2
      const { style } = this.#tileOf.get(name)!.element
      const left = `${Math.round(width / 2 - 88 + x * Math.cos(angle))}px`
      const top = `${Math.round(height / 2 - 36 + y * Math.sin(angle))}px`
      if (style.left === left && style.top === top) continue
      style.left = left
      style.top = top
      this.#lines.moved()
    }
  }

  #tile(tiles: Map<string, Tile>, key: string, parent: HTMLElement, choose: () => void): Tile {
    const there = tiles.get(key)
    if (there) return there
    const [name, line, detail] = [h('span'), h('small', { class: 'mono' }), h('small')]
    const element = h(
      'button',
      { class: 'tile', role: 'option', click: choose },
      h('b', {}, dot(), name),
      line,
      detail,
    )
    if (parent === this.#tiles) element.addEventListener('dblclick', () => this.#shell.show('Node'))
    const tile = { element, name, line, detail }
    tiles.set(key, tile)
    parent.append(element)
    return tile
  }

  #fill({ element, name, line, detail }: Tile, node: MapNode): void {
    setAttribute(element, 'class', `tile ${node.health}`)
    setAttribute(element, 'title', `${node.name}\n${node.line}\n${node.detail}`.trim())
    setAttribute(element, 'aria-label', `${node.name}: ${node.detail}`)
    setText(name, node.name)
    setText(line, node.line)
    setText(detail, node.detail)
  }

  #drawServices({ cluster: { services, announced } }: State): void {
    const text = JSON.stringify([services, announced])
    if (text === this.#shownServices) return
    this.#shownServices = text
    setText(this.#servicesTitle, services.length === 0 ? '' : `${services.length} Services`)
    const told = Map.groupBy(announced, ({ owner }) => owner)
    const chips = services
      .slice(0, MOST_CHIPS)
      .map((service) => this.#chip(service, told.get(service.key) ?? []))
    const more = services.length - chips.length
    this.#services.replaceChildren(
      ...chips,
      ...(more > 0 ? [h('span', { class: 'chip quiet' }, `and ${more} more`)] : []),
    )
  }

  #chip({ key, state, addresses, endpoints }: KnownService, announced: readonly Announced[]): HTMLElement {
    const health = state !== 'in-place' ? 'bad' : endpoints === 0 ? 'look' : 'ok'
    const title = [...addresses, ...announced.map(({ prefix, state: told }) => `${prefix} ${told}`)].join(
      '\n',
    )
    const click = () =>
      this.#shell.explain(`${key}${addresses[0] ? `:${addresses[0].split(':').at(-1)}` : ''}`)
    return h(
      'button',
      { class: `chip ${health}`, title: title || state, click },
      ...[dot(), key, h('span', { class: 'quiet' }, String(endpoints))],
      ...announced
        .slice(0, 2)
        .map(({ prefix }) => h('span', { class: 'mono quiet' }, prefix.replace(/\/(32|128)$/, ''))),
    )
  }

  #drawAside(state: State, chosen: string): void {
    const report = state.agents.get(chosen)
    const node = state.cluster.nodes.find(({ name }) => name === chosen)
    const text = JSON.stringify([chosen, report, node])
    if (text === this.#shownAside) return
    this.#shownAside = text
    const facts: [string, string][] = report
      ? report.summary.map(([name, value]) => [name, value])
      : [
          ['pod prefixes', node?.podCIDRs.join(', ') ?? ''],
          ['addresses', node?.addresses.join(', ') ?? ''],
          ['from here', node?.state === 'in-place' ? 'reached' : (node?.reasons.join('; ') ?? '')],
        ]
    const { health = 'unknown' } = report ? healthOf(report) : {}
    const open = () => this.#shell.show('Node')
    this.#facts.replaceChildren(
      h('h2', { class: health }, chosen || 'No node yet'),
      ...(report?.error === undefined ? [] : [h('p', { class: 'quiet' }, report.error)]),
      h(
        'dl',
        {},
        ...facts
          .filter(([, value]) => value !== '')
          .flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
      ),
      ...(report && report.conditions.length > 0
        ? [h('h3', {}, 'Conditions'), conditionList(report.conditions)]
        : []),
      ...(report
        ? [h('h3'), h('button', { class: 'chip', click: open }, 'Tables', h('kbd', {}, 'Enter'))]
        : []),
    )
  }
}

/** Returns whether any has gone. */
function forget(tiles: Map<string, Tile>, wanted: { has(name: string): boolean }): boolean {
  let gone = false
  for (const [name, { element }] of tiles)
    if (!wanted.has(name)) {
      tiles.delete(name)
      element.remove()
      gone = true
    }
  return gone
}

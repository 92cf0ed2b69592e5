/** Sessions as lines between the tiles of the map. */
import type { Session } from '../model/report.ts'
import { setAttribute } from './dom.ts'
import { isIn, type Route } from './routes.ts'
import type { State } from './state.ts'

export interface Drawn {
  readonly chosen: string
  /** Those of every node, not of the chosen one alone. */
  readonly all: boolean
  /** Of the chosen one. */
  readonly routes: readonly Route[]
  readonly tiles: readonly (readonly [name: string, element: HTMLElement])[]
}

interface Line {
  readonly from: string
  readonly to: string
  readonly kind: 'up' | 'route' | 'chosen' | 'down'
}

type Place = readonly [x: number, y: number]

const SVG = 'http://www.w3.org/2000/svg'
/** More tell nothing, and take long to draw. */
const MOST = 600
/** Of more the aside tells: where nodes are dots, lines to all of them say nothing. */
const MOST_ROUTES = 240
/** The last is on top. */
const ORDER = ['up', 'route', 'chosen', 'down'] as const

export class Lines {
  readonly #canvas: HTMLElement
  readonly #svg = document.createElementNS(SVG, 'svg')
  #shown = ''

  constructor(canvas: HTMLElement) {
    this.#canvas = canvas
    canvas.prepend(this.#svg)
  }

  /** Tiles are elsewhere now. */
  moved(): void {
    this.#shown = ''
  }

  draw(state: State, { chosen, all, tiles, routes }: Drawn): void {
    const lines = linesOf(state, { chosen, all, routes })
    const shown = lines.map(({ from, to, kind }) => `${from} ${to} ${kind}`).join()
    if (shown === this.#shown) return
    this.#shown = shown
    const places = this.#places(tiles)
    const paths = lines.flatMap(({ from, to, kind }) => {
      const [a, b] = [places.get(from), places.get(to)]
      if (!a || !b) return []
      const path = document.createElementNS(SVG, 'path')
      path.setAttribute('d', curve(a, b, all))
      path.setAttribute('class', kind)
      return [path]
    })
    this.#svg.replaceChildren(...paths)
  }

  /** Read at once, and written at once: the browser lays the page out one time. */
  #places(tiles: Drawn['tiles']): ReadonlyMap<string, Place> {
    // What is drawn makes the canvas no larger than its tiles do.
    setAttribute(this.#svg, 'width', '0')
    setAttribute(this.#svg, 'height', '0')
    const { scrollWidth, scrollHeight, scrollLeft, scrollTop } = this.#canvas
    const { left, top } = this.#canvas.getBoundingClientRect()
    const place = (element: HTMLElement): Place => {
      const box = element.getBoundingClientRect()
      return [box.left - left + scrollLeft + box.width / 2, box.top - top + scrollTop + box.height / 2]
    }
    const places = new Map(tiles.map(([name, element]) => [name, place(element)]))
    setAttribute(this.#svg, 'width', String(scrollWidth))
    setAttribute(this.#svg, 'height', String(scrollHeight))
    return places
  }
}

/** One for a pair of nodes; those that are down come last, so that they are drawn over the others. */
function linesOf({ agents }: State, { chosen, all, routes }: Omit<Drawn, 'tiles'>): readonly Line[] {
  // Of a node that is down itself everybody's session is.
  const lost = new Set(
    [...agents.values()].filter(({ error }) => error !== undefined).map(({ node }) => node),
  )
  const byPair = new Map<string, Line>()
  // Where there is a session, that is drawn: a reflector's clients, and nodes that read the API, have routes alone.
  if (routes.length <= MOST_ROUTES)
    for (const { node } of routes.filter((route) => route.node !== '' && isIn(route)))
      byPair.set([chosen, node].sort().join(' '), { from: chosen, to: node, kind: 'route' })
  for (const { node, sessions } of agents.values())
    for (const { name, state } of sessions) {
      const kind = kindOf(node, { name, state }, chosen)
      if (!all && kind !== 'chosen' && (kind === 'up' || lost.has(name))) continue
      const pair = [node, name].sort().join(' ')
      const there = byPair.get(pair)
      if (!there || ORDER.indexOf(there.kind) < ORDER.indexOf(kind))
        byPair.set(pair, { from: node, to: name, kind })
    }
  return [...byPair.values()].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind)).slice(-MOST)
}

function kindOf(
  node: string,
  { name, state }: Pick<Session, 'name' | 'state'>,
  chosen: string,
): Line['kind'] {
  if (state !== 'established') return 'down'
  return node === chosen || name === chosen ? 'chosen' : 'up'
}

/** Bent a little, so that lines over the same places are told apart. */
function curve([x1, y1]: Place, [x2, y2]: Place, straight: boolean): string {
  if (straight) return `M${x1} ${y1}L${x2} ${y2}`
  const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2]
  return `M${x1} ${y1}Q${mx + (y2 - y1) / 10} ${my - (x2 - x1) / 10} ${x2} ${y2}`
}

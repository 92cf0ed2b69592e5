/** The page of `podroute ui`: views over one state, which the server's stream keeps. */
import { follow } from './api.ts'
import { h, setAttribute, setText } from './dom.ts'
import { MapView } from './map.ts'
import { NodeView } from './node.ts'
import { PacketView } from './packet.ts'
import { emptyState, take, verdict } from './state.ts'
import { TimelineView } from './timeline.ts'
import type { Shell, View } from './view.ts'

const main = document.getElementById('main')!
const nav = document.getElementById('views')!
const said = document.getElementById('verdict')!
const state = emptyState()
let _frame = 0
let shown: View

const shell: Shell = {
  state,
  choose(node) {
    state.chosen = node
    shell.changed()
  },
  show(name) {
    shown = views.find((view) => view.name === name) ?? shown
    main.replaceChildren(shown.element)
    for (const button of nav.children)
      if (button.id === `view-${shown.name}`) setAttribute(button, 'aria-current', 'page')
      else button.removeAttribute('aria-current')
    shell.changed()
  },
  explain(to) {
    shell.show('Packet')
    packet.update(state)
    packet.explain(to)
  },
  // However much is told at once, it is drawn once.
  changed() {
    _frame ||= requestAnimationFrame(() => {
      _frame = 0
      const { health, text } = verdict(state)
      setAttribute(said, 'class', health)
      setText(said.lastElementChild!, text)
      shown.update(state)
    })
  },
}

const packet = new PacketView(shell)
const views: readonly View[] = [new MapView(shell), new NodeView(shell), packet, new TimelineView()]
shown = views[0]!

nav.append(
  ...views.map(({ name }, i) =>
    h('button', { id: `view-${name}`, click: () => shell.show(name) }, name, h('kbd', {}, String(i + 1))),
  ),
)

document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement
  if (typing && event.key === 'Escape') event.target.blur()
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return
  const view = views[Number(event.key) - 1]
  if (view) shell.show(view.name)
  else if (event.key === '/') {
    shell.show('Packet')
    packet.focus()
  } else if (!shown.key?.(event.key)) return
  event.preventDefault()
})

shell.show('Map')
follow(
  (message) => {
    take(state, message)
    shell.changed()
  },
  (open) => {
    state.connected = open
    shell.changed()
  },
)

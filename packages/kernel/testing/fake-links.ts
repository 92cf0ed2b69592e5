/** Links in memory, with their ports and their announcements. */
import type { BridgePort, Link, LinkChange, NewLink } from '@podroute/linux/route/links.ts'
import type { LinksApi } from '../kernel.ts'
import type { FakeChanges } from './fake-changes.ts'
import { FakeError } from './fake-error.ts'

export class FakeLinks implements LinksApi {
  readonly #changes: FakeChanges
  readonly #links = new Map<number, Link>()
  readonly #ports = new Map<number, BridgePort>()
  /** The loopback has index 1. */
  #lastIndex = 1

  constructor(changes: FakeChanges) {
    this.#changes = changes
  }

  async list(): Promise<Link[]> {
    return [...this.#links.values()]
  }

  async get(which: string | number): Promise<Link | undefined> {
    return this.#find(which)
  }

  async add(link: NewLink): Promise<Link> {
    if (this.#find(link.name)) throw new FakeError('EEXIST')
    const index = ++this.#lastIndex
    const made: Link = { ...NEW_LINK, ...settingsOf(link), index, name: link.name, kind: link.kind }
    this.#put(made)
    return made
  }

  async set(index: number, change: LinkChange): Promise<void> {
    const link = this.#existing(index)
    if (change.master !== undefined && change.master !== link.master) this.#ports.delete(index)
    this.#put({ ...link, ...settingsOf(change) })
  }

  async remove(index: number): Promise<void> {
    const link = this.#existing(index)
    this.#links.delete(index)
    this.#ports.delete(index)
    for (const port of this.#links.values())
      if (port.master === index) await this.set(port.index, { master: 0 })
    this.#changes.linkChanged('remove', link)
  }

  async setBridgePort(index: number, port: BridgePort): Promise<void> {
    if (this.#existing(index).master === 0) throw new FakeError('EINVAL')
    this.#ports.set(index, { ...this.#ports.get(index), ...port })
  }

  async bridgePorts(): Promise<Map<number, BridgePort>> {
    const ports = [...this.#links.values()].filter(({ master }) => master !== 0)
    return new Map(ports.map(({ index }) => [index, { hairpin: false, ...this.#ports.get(index) }]))
  }

  #find(which: string | number): Link | undefined {
    if (typeof which === 'number') return this.#links.get(which)
    return [...this.#links.values()].find(({ name }) => name === which)
  }

  #existing(index: number): Link {
    const link = this.#links.get(index)
    if (!link) throw new FakeError('ENODEV')
    return link
  }

  #put(link: Link): void {
    this.#links.set(link.index, link)
    this.#changes.linkChanged('add', link)
  }
}

const NEW_LINK = {
  ...{ mac: '06:00:00:00:00:01', mtu: 1500, up: false, running: true, loopback: false, promiscuous: false },
  ...{ master: 0, parent: 0 },
}

function settingsOf(change: LinkChange): Partial<Link> {
  const { name, mac, mtu, up, promiscuous, master, linkLocalLearning } = change
  const settings = { name, mac, mtu, up, promiscuous, master, linkLocalLearning }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

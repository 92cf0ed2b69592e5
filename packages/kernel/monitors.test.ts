import { KernelError } from '@podroute/linux/errors.ts'
import type { NftHandlers } from '@podroute/linux/nft/monitor.ts'
import type { Address } from '@podroute/linux/route/addresses.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import type { RouteHandlers } from '@podroute/linux/route/monitor.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { Monitors } from './monitors.ts'
import { OwnChanges } from './nft/own-changes.ts'

const TABLE = 'inet podroute-toys'
const route = { destination: '10.1.0.0/24' } as Route
const address = { address: '10.1.0.1' } as Address
const loopback = { index: 1, name: 'lo' } as Link
const uplink = { index: 2, name: 'eth0' } as Link

function setup() {
  const events: string[] = []
  const handlers: { routes?: RouteHandlers; nft?: NftHandlers } = {}
  const failing = new Set<string>()
  const open = (name: 'routes' | 'nft') => {
    if (failing.has(name)) throw new KernelError('socket', 24)
    events.push(`open ${name}`)
    return { [Symbol.dispose]: () => void events.push(`close ${name}`) }
  }
  const say = (message: string, fields: object = {}) =>
    void events.push(`log ${message} ${JSON.stringify(fields)}`)
  const own = new OwnChanges()
  const monitors = new Monitors({
    ...{ own, routePort: 7, log: { debug: say, info: say, warn: say, error: say } as Logger },
    watch: {
      routes(given) {
        handlers.routes = given
        return open('routes')
      },
      nft(given) {
        handlers.nft = given
        return open('nft')
      },
    },
  })
  const told = () => events.splice(0)
  return { monitors, handlers, own, failing, told, events }
}

const nothing = () => {}

describe('monitors of the kernel', () => {
  it('are open while somebody follows them: one of each kind for all', () => {
    const { monitors, told } = setup()
    expect(monitors.unannounced()).to.equal(undefined)
    const first = monitors.subscribe({ onRoute: nothing })
    const second = monitors.subscribe({ onLink: nothing, onTable: nothing })
    const third = monitors.subscribe({ onTable: nothing, onOverrun: nothing })
    expect(told()).to.deep.equal(['open routes', 'open nft'])
    first[Symbol.dispose]()
    expect(told()).to.deep.equal([])
    second[Symbol.dispose]()
    expect(told()).to.deep.equal(['close routes'])
    expect(monitors.unannounced()).to.equal(undefined)
    third[Symbol.dispose]()
    expect(told()).to.deep.equal(['close nft'])
    monitors.subscribe({ onAddress: nothing, onTable: nothing })
    monitors[Symbol.dispose]()
    expect(told()).to.deep.equal(['open routes', 'open nft', 'close routes', 'close nft'])
  })

  it('tell everybody who is there, in order, and nobody who has gone', () => {
    const { monitors, handlers } = setup()
    const heard: string[] = []
    const first = monitors.subscribe({
      onRoute: (change, { destination }) => void heard.push(`first ${change} ${destination}`),
      onLink: (change, { name }) => void heard.push(`first ${change} ${name}`),
    })
    monitors.subscribe({
      onRoute: (change) => void heard.push(`second ${change}`),
      onAddress: (change, { address: text }) => void heard.push(`second ${change} ${text}`),
    })
    handlers.routes?.onRoute?.('add', route)
    handlers.routes?.onLink?.('remove', uplink)
    handlers.routes?.onAddress?.('add', address)
    expect(heard.splice(0)).to.deep.equal([
      ...['first add 10.1.0.0/24', 'second add', 'first remove eth0', 'second add 10.1.0.1'],
    ])
    first[Symbol.dispose]()
    handlers.routes?.onRoute?.('remove', route)
    expect(heard).to.deep.equal(['second remove'])
  })

  it('tell the others when one cannot handle it, and say so', () => {
    const { monitors, handlers, told } = setup()
    const heard: string[] = []
    monitors.subscribe({
      onRoute() {
        throw new Error('no such toy')
      },
    })
    monitors.subscribe({ onRoute: (change) => void heard.push(change) })
    told()
    handlers.routes?.onRoute?.('add', route)
    expect(heard).to.deep.equal(['add'])
    expect(told()).to.deep.equal([
      'log an announcement of the kernel could not be handled {"error":"no such toy"}',
    ])
  })

  it("tell of others' transactions that changed chains or rules, not of ours and not of elements", async () => {
    const { monitors, handlers, own } = setup()
    const heard: string[] = []
    monitors.subscribe({ onTable: (table) => void heard.push(table) })
    const transaction = (...kinds: ('rule' | 'chain')[]) =>
      handlers.nft?.onTransaction({ tables: [TABLE, 'ip nat'], kinds, pid: 1, process: 'nft' })
    transaction()
    expect(heard).to.deep.equal([])
    await own.announced(`flush chain ${TABLE} filter`, async () => {})
    transaction('rule')
    expect(heard.splice(0)).to.deep.equal(['ip nat'])
    transaction('chain')
    expect(heard).to.deep.equal([TABLE, 'ip nat'])
  })

  it('say that announcements were lost, to all, and take no transaction for ours any more', async () => {
    const { monitors, handlers, own, told } = setup()
    const heard: string[] = []
    const onOverrun = () => void heard.push('lost')
    monitors.subscribe({ onTable: (table) => void heard.push(table), onOverrun })
    monitors.subscribe({ onRoute: nothing, onOverrun })
    told()
    await own.announced(`flush chain ${TABLE} filter`, async () => {})
    handlers.nft?.onOverrun()
    handlers.nft?.onTransaction({ tables: [TABLE], kinds: ['rule'], pid: 1, process: 'nft' })
    expect(heard.splice(0)).to.deep.equal(['lost', 'lost', TABLE])
    handlers.routes?.onOverrun()
    expect(heard).to.deep.equal(['lost', 'lost'])
    expect(told()).to.deep.equal([
      'log announcements of the kernel were lost {"what":"nftables"}',
      'log announcements of the kernel were lost {"what":"routes, links and addresses"}',
    ])
  })

  it('count when routes may have gone without a word: with addresses, the loopback, and what was lost', () => {
    const { monitors, handlers } = setup()
    const subscription = monitors.subscribe({ onRoute: nothing })
    const since = () => monitors.unannounced()!
    const first = since()
    handlers.routes?.onRoute?.('add', route)
    handlers.routes?.onLink?.('add', uplink)
    expect(since()).to.equal(first)
    handlers.routes?.onLink?.('add', loopback)
    handlers.routes?.onAddress?.('remove', address)
    handlers.routes?.onOverrun()
    expect(since()).to.equal(first + 3)
    subscription[Symbol.dispose]()
    monitors.subscribe({ onRoute: nothing })
    expect(since(), 'nobody followed meanwhile').to.equal(first + 4)
  })

  it('leave nothing of a subscriber for whom one cannot be opened', () => {
    const { monitors, handlers, failing, told } = setup()
    const heard: string[] = []
    failing.add('nft')
    const subscriber = { onRoute: (change: string) => void heard.push(change), onTable: nothing }
    expect(() => monitors.subscribe(subscriber)).to.throw(KernelError, 'EMFILE')
    expect(told()).to.deep.equal(['open routes', 'close routes'])
    monitors.subscribe({ onRoute: nothing })
    handlers.routes?.onRoute?.('add', route)
    expect(heard).to.deep.equal([])
  })
})

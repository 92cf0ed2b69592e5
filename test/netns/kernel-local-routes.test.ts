/** Local routes that go without an announcement, because of their interface or of the address that is their source, are found by a quick audit. */

import { openKernel } from '@podroute/kernel/open.ts'
import { LocalRouteResource } from '@podroute/kernel/routes/local-route-resource.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'
import { TestNetns } from './linux-support.ts'

const ROUTES = [
  { address: '10.96.0.1', source: '192.0.2.11' },
  { address: 'fd10:96::1', source: '2001:db8::11' },
]

describe('local routes of addresses without a device', () => {
  let netns: TestNetns
  let stack: DisposableStack
  let kernel: ReturnType<typeof openKernel>
  let watching: Disposable
  let lists: number
  let table: Table<string, (typeof ROUTES)[number]>

  beforeEach(async () => {
    netns = await TestNetns.create('vips')
    stack = new DisposableStack()
    await ip('link set lo up', 'link add pods0 type bridge', 'link set pods0 up', ...addresses('add'))
    kernel = stack.use(openKernel({ netns: netns.path }))
    follow()
    lists = 0
    const list = (filter: Parameters<typeof kernel.routes.list>[0]) => {
      lists++
      return kernel.routes.list(filter)
    }
    table = new Table(new LocalRouteResource({ ...kernel.routes, list }, 'toys'))
    for (const route of ROUTES) table.set(route.address, route)
    await table.flush()
    await table.audit({ quick: true })
  })

  afterEach(() => {
    watching[Symbol.dispose]()
    stack.dispose()
    netns[Symbol.dispose]()
  })

  const follow = () => {
    watching = kernel.changes.subscribe({ onRoute() {} })
  }
  const ip = (...lines: readonly string[]) =>
    run('ip', ['-n', netns.name, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  const addresses = (verb: string) => [
    `address ${verb} 192.0.2.11/24 dev pods0`,
    `address ${verb} 2001:db8::11/64 dev pods0${verb === 'add' ? ' nodad' : ''}`,
  ]
  const routes = async () => {
    const listed = await kernel.routes.list({ table: 255, protocol: 179 })
    return listed.map(({ destination }) => destination).sort()
  }
  const WHOLE = ['10.96.0.1/32', 'fd10:96::1/128']

  it('are not listed by a quick audit while nothing happens to the node’s addresses', async () => {
    expect(await routes()).to.deep.equal(WHOLE)
    lists = 0
    await table.audit({ quick: true })
    await ip('route add 198.51.100.0/24 dev pods0', 'link add pods1 type bridge', 'link set pods1 up')
    await table.audit({ quick: true })
    expect(lists).to.equal(0)
  })

  it('are put back after their interface was down', async () => {
    await ip('link set lo down', 'link set lo up')
    expect(await routes()).not.to.deep.equal(WHOLE)
    await eventually(async () => {
      await table.audit({ quick: true })
      await table.flush()
      return (await routes()).join() === WHOLE.join()
    })
  })

  it('take the place of a route of somebody else only where it may give way, and stay when its interface goes', async () => {
    await ip(
      ...['mine', 'theirs'].flatMap((name) => [`link add ${name} type bridge`, `link set ${name} up`]),
      ...['address add 10.96.0.2/32 dev mine', 'address add fd10:96::2/128 dev mine nodad'],
      ...['address add 10.96.0.3/32 dev theirs', 'address add fd10:96::3/128 dev theirs nodad'],
    )
    const theirs = await kernel.links.get('theirs')
    const mayReplace = async ({ interfaceIndex }: { interfaceIndex?: number }) =>
      interfaceIndex === theirs?.index
    const strict = new Table(new LocalRouteResource(kernel.routes, 'toys', mayReplace))
    for (const address of ['10.96.0.2', '10.96.0.3', '10.96.0.4'])
      strict.set(address, { address, source: '192.0.2.11' })
    for (const address of ['fd10:96::2', 'fd10:96::3'])
      strict.set(address, { address, source: '2001:db8::11' })
    await strict.flush()
    expect([...strict.failures()].map(([key, { message }]) => `${key} ${message}`)).to.deep.equal([
      '10.96.0.2 RTM_NEWROUTE: EEXIST',
    ])
    await ip('link delete theirs')
    const later = ['10.96.0.3/32', '10.96.0.4/32', 'fd10:96::2/128', 'fd10:96::3/128']
    expect(await routes()).to.deep.equal([...WHOLE, ...later].sort())
  })

  it('are listed again when an address goes: with older kernels they go with it', async () => {
    lists = 0
    await ip(...addresses('delete'))
    await eventually(async () => {
      await table.audit({ quick: true })
      return lists > 0
    })
  })

  it('are listed while nobody follows the announcements, and when somebody begins to', async () => {
    const listed = async () => {
      lists = 0
      await table.audit({ quick: true })
      return lists
    }
    expect(await listed()).to.equal(0)
    watching[Symbol.dispose]()
    expect([await listed(), await listed()]).to.deep.equal([1, 1])
    follow()
    expect([await listed(), await listed()]).to.deep.equal([1, 0])
  })
})

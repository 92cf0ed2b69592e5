/** Routes on a real kernel: add, replace, remove, list, look up, be told of changes. */
import { execFileSync } from 'node:child_process'
import { NETLINK_ROUTE, NetlinkSocket } from '@podroute/linux/netlink/socket.ts'
import { type RouteFilterOptions, routeFilter } from '@podroute/linux/route/filter.ts'
import { watchRoutes } from '@podroute/linux/route/monitor.ts'
import { type Route, type RouteOp, Routes } from '@podroute/linux/route/routes.ts'
import { expect } from 'chai'
import { eventually, TestNetns, turnsDuring } from './linux-support.ts'

const OURS = 179
const base = { table: 254, protocol: OURS, scope: 0, type: 'unicast' } as const

const v4 = (destination: string, gateway = '10.0.0.2'): Route => ({
  ...base,
  family: 4,
  destination,
  gateway,
})
const v6 = (destination: string, gateway = 'fd00::2'): Route => ({ ...base, family: 6, destination, gateway })

describe('routes of the kernel', () => {
  let netns: TestNetns
  let device: number

  beforeEach(async () => {
    netns = await TestNetns.create('routes')
    device = await netns.veth('v0', '10.0.0.1/24', 'fd00::1/64')
  })

  afterEach(() => netns[Symbol.dispose]())

  const apply = async (...ops: RouteOp[]) =>
    (await netns.routes.apply(ops)).map((outcome) => outcome?.code ?? 'ok')
  const ours = () => netns.routes.list({ protocol: OURS })

  it('adds routes of both families in one batch and lists them as they were added', async () => {
    const routes = [v4('10.1.0.0/24'), v4('0.0.0.0/0'), v6('fd01::/64'), v6('::/0')]
    expect(await apply(...routes.map((route) => ({ kind: 'add' as const, route })))).to.deep.equal(
      Array(4).fill('ok'),
    )
    // The kernel adds the device that the gateway is on and, for IPv6, its default metric.
    const seen = routes.map((route) => ({
      ...route,
      interfaceIndex: device,
      ...(route.family === 6 && { priority: 1024 }),
    }))
    expect(await ours()).to.have.deep.members(seen)
    expect(await netns.routes.list({ protocol: OURS, family: 6 })).to.have.deep.members(seen.slice(2))
  })

  it('refuses an add where the destination is taken, and replaces it on demand', async () => {
    for (const [first, second] of [
      [v4('10.1.0.0/24'), v4('10.1.0.0/24', '10.0.0.3')],
      [v6('fd01::/64'), v6('fd01::/64', 'fd00::3')],
    ] as const) {
      expect(await apply({ kind: 'add', route: first }, { kind: 'add', route: second })).to.deep.equal([
        'ok',
        'EEXIST',
      ])
      expect(await apply({ kind: 'replace', route: second })).to.deep.equal(['ok'])
      const [route, ...others] = await netns.routes.list({ protocol: OURS, family: first.family })
      expect(route?.gateway).to.equal(second.gateway)
      expect(others).to.deep.equal([])
    }
  })

  it('removes what is ours, and not the same destination of another protocol', async () => {
    const other = { ...v4('10.1.0.0/24'), protocol: 4 }
    await apply({ kind: 'add', route: other })
    expect(await apply({ kind: 'remove', route: v4('10.1.0.0/24') })).to.deep.equal(['ESRCH'])
    expect(await apply({ kind: 'remove', route: other })).to.deep.equal(['ok'])
  })

  it('goes on after a refusal and gives the kernel’s own words', async () => {
    const outcomes = await netns.routes.apply([
      { kind: 'add', route: v4('10.1.0.0/24', '192.0.2.1') },
      { kind: 'add', route: v4('10.2.0.0/24') },
    ])
    expect(outcomes[0]?.message).to.equal('RTM_NEWROUTE: ENETUNREACH: Nexthop has invalid gateway')
    expect(outcomes[1]).to.equal(null)
    expect((await ours()).map((route) => route.destination)).to.deep.equal(['10.2.0.0/24'])
  })

  it('keeps a VIP as a local route whose source is the node’s address', async () => {
    const vip4: Route = {
      family: 4,
      destination: '10.96.0.10/32',
      interfaceIndex: 1,
      table: 255,
      protocol: OURS,
      scope: 254,
      type: 'local',
      source: '10.0.0.1',
    }
    const vip6: Route = {
      family: 6,
      destination: 'fd10:96::a/128',
      interfaceIndex: 1,
      table: 255,
      protocol: OURS,
      scope: 0,
      type: 'local',
      source: 'fd00::1',
    }
    expect(await apply({ kind: 'add', route: vip4 }, { kind: 'add', route: vip6 })).to.deep.equal([
      'ok',
      'ok',
    ])
    const seen = await netns.routes.list({ table: 255, protocol: OURS })
    expect(seen).to.have.deep.members([vip4, { ...vip6, priority: 1024 }])
    expect((await netns.routes.get('10.96.0.10'))?.type).to.equal('local')
    expect(await apply({ kind: 'remove', route: vip4 }, { kind: 'remove', route: vip6 })).to.deep.equal([
      'ok',
      'ok',
    ])
  })

  it('routes IPv4 by an IPv6 next hop', async () => {
    const route: Route = { ...v4('10.9.0.0/16', 'fd00::2'), interfaceIndex: device }
    expect(await apply({ kind: 'add', route })).to.deep.equal(['ok'])
    expect(await ours()).to.deep.equal([route])
  })

  it('knows blackhole and unreachable routes and tables above 255', async () => {
    const refusals: Route[] = [
      { family: 4, destination: '10.5.0.0/16', table: 70_000, protocol: OURS, scope: 0, type: 'blackhole' },
      {
        family: 4,
        destination: '10.6.0.0/16',
        table: 70_000,
        protocol: OURS,
        scope: 0,
        type: 'unreachable',
        priority: 7,
      },
    ]
    await apply(...refusals.map((route) => ({ kind: 'add' as const, route })))
    expect(await netns.routes.list({ table: 70_000 })).to.have.deep.members(refusals)
    expect(await netns.routes.list({ table: 70_001 })).to.deep.equal([])
  })

  it('looks up where an address is routed to', async () => {
    await apply({ kind: 'add', route: v4('10.1.0.0/16') }, { kind: 'add', route: v6('fd01::/64') })
    expect((await netns.routes.get('10.1.2.3'))?.destination).to.equal('10.1.0.0/16')
    expect((await netns.routes.get('fd01::9'))?.gateway).to.equal('fd00::2')
    expect(await netns.routes.get('192.0.2.1')).to.equal(undefined)
    expect(await netns.routes.get('2001:db8::1')).to.equal(undefined)
  })

  it('tells of routes, addresses and links that come and go', async () => {
    const seen: string[] = []
    using _monitor = watchRoutes(
      {
        onRoute: (change, route) => seen.push(`${change} ${route.destination} ${route.protocol}`),
        onAddress: (change, address) => seen.push(`${change} ${address.address}/${address.prefixLength}`),
        onLink: (change, link) => seen.push(`${change} ${link.name} ${link.up ? 'up' : 'down'}`),
        onOverrun: () => seen.push('overrun'),
      },
      { netns: netns.path },
    )
    await apply({ kind: 'add', route: v4('10.1.0.0/24') }, { kind: 'remove', route: v4('10.1.0.0/24') })
    await netns.address(device, '10.0.7.1/24')
    await netns.links.remove(device)
    await eventually(() => seen.includes('remove v0 down'))
    expect(seen).to.include.members(['add 10.1.0.0/24 179', 'remove 10.1.0.0/24 179', 'add 10.0.7.1/24'])
    expect(seen).to.not.include('overrun')
  })

  it('leaves out what a filter leaves out, and nothing else', async () => {
    const seen: string[] = []
    const hear = (filter: RouteFilterOptions) =>
      watchRoutes(
        {
          onRoute: (change, route) => seen.push(`${filter.table}: ${change} ${route.destination}`),
          onAddress: (change, address) => seen.push(`${filter.table}: ${change} ${address.address}`),
          onOverrun: () => seen.push('overrun'),
        },
        { netns: netns.path, filter: routeFilter(filter) },
      )
    using socket = NetlinkSocket.open(NETLINK_ROUTE, { netns: netns.path })
    using _main = hear({ table: 254 })
    using _local = hear({ table: 255, notFrom: socket.port })
    const own = new Routes(socket)
    const local = { table: 255, protocol: OURS, type: 'local', interfaceIndex: 1 } as const
    const vips: Route[] = [
      { ...local, family: 4, scope: 254, destination: '10.96.0.1/32' },
      { ...local, family: 6, scope: 0, destination: 'fd96::1/128' },
    ]
    for (const routes of [own, netns.routes]) {
      for (const kind of ['add', 'remove'] as const) {
        const outcomes = await routes.apply(vips.map((route) => ({ kind, route })))
        expect(outcomes).to.deep.equal([null, null])
      }
    }
    expect(await own.apply([{ kind: 'add', route: v4('10.1.0.0/24') }])).to.deep.equal([null])
    await netns.address(device, '10.0.7.1/32')
    await eventually(() => seen.includes('254: add 10.0.7.1') && seen.includes('255: add 10.0.7.1'))
    // The device's own addresses may still be on their way.
    expect(seen.filter((line) => !/ (fd00|fe80):/.test(line)).toSorted()).to.deep.equal([
      '254: add 10.0.7.1',
      '254: add 10.1.0.0/24',
      // The kernel's own: the address' local route.
      '255: add 10.0.7.1',
      '255: add 10.0.7.1/32',
      '255: add 10.96.0.1/32',
      '255: add fd96::1/128',
      '255: remove 10.96.0.1/32',
      '255: remove fd96::1/128',
    ])
  })

  it('applies 10,000 routes without holding up the event loop, and says of each how it went', async () => {
    const ops = Array.from({ length: 10_000 }, (_, i): RouteOp => {
      const gateway = i % 1000 === 999 ? '192.0.2.1' : '10.0.0.2'
      return { kind: 'add', route: v4(`10.${100 + (i >> 8)}.${i & 255}.0/24`, gateway) }
    })
    const applied = netns.routes.apply(ops)
    const turns = await turnsDuring(applied)
    const outcomes = await applied
    expect(outcomes.flatMap((outcome, i) => (outcome ? [i] : []))).to.deep.equal(
      Array.from({ length: 10 }, (_, i) => i * 1000 + 999),
    )
    expect(await ours()).to.have.length(9_990)
    expect(turns, 'turns of the event loop meanwhile').to.be.above(25)
  })

  it('takes a burst of 10,000 announcements without losing one', async () => {
    let announced = 0
    let overruns = 0
    using _monitor = watchRoutes(
      { onRoute: (_, { protocol }) => protocol === OURS && announced++, onOverrun: () => overruns++ },
      { netns: netns.path },
    )
    const ops = Array.from({ length: 10_000 }, (_, i): RouteOp => {
      return { kind: 'add', route: v4(`10.${100 + (i >> 8)}.${i & 255}.0/24`) }
    })
    await netns.routes.apply(ops)
    await eventually(() => announced >= 10_000)
    expect({ announced, overruns }).to.deep.equal({ announced: 10_000, overruns: 0 })
  })
  it('says so when announcements were lost, and goes on listening', async () => {
    const seen = new Set<string>()
    let overruns = 0
    using _monitor = watchRoutes(
      { onRoute: (_, route) => seen.add(route.destination), onOverrun: () => overruns++ },
      { netns: netns.path, receiveBuffer: 4096 },
    )
    for (let round = 1; round <= 3; round++) {
      const before = overruns
      // A program that we wait for: meanwhile nobody reads the announcements.
      const lines = Array.from(
        { length: 1000 },
        (_, i) => `route add 10.${round * 10 + (i >> 8)}.${i & 255}.0/24 via 10.0.0.2`,
      )
      execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input: lines.join('\n') })
      await eventually(() => overruns > before)
      // Once the queue is empty the next change is heard of again.
      await apply({ kind: 'add', route: v4(`10.200.${round}.0/24`) })
      await eventually(() => seen.has(`10.200.${round}.0/24`))
    }
  })

  it('gives one bad route its outcome and carries out the others', async () => {
    const ops = Array.from({ length: 1000 }, (_, i): RouteOp => {
      return { kind: 'add', route: v4(i % 100 === 0 ? 'nonsense' : `10.100.${i & 255}.${(i >> 8) * 64}/26`) }
    })
    const outcomes = await netns.routes.apply(ops)
    expect(outcomes.filter((outcome) => outcome?.code === 'EINVAL')).to.have.length(10)
    expect(outcomes.filter((outcome) => outcome === null)).to.have.length(990)
  })

  it('answers calls made at the same time in their order, and refuses them once it is closed', async () => {
    const [added, listed] = await Promise.all([
      netns.routes.apply([{ kind: 'add', route: v4('10.1.0.0/24') }]),
      netns.routes.list({ protocol: OURS, family: 4 }),
    ])
    expect(added).to.deep.equal([null])
    expect(listed).to.have.length(1)
    const late = netns.routes.list()
    netns.socket[Symbol.dispose]()
    expect((await late).length).to.be.above(0)
    expect(
      await netns.routes.list().then(
        () => 'ok',
        (error: { code: string }) => error.code,
      ),
    ).to.equal('EBADF')
  })
})

/** Networks outside that several routers lead to: real routes, real sessions, and flows that somebody answers. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cidr } from '@podroute/address/cidr.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { acceptedPrefix } from '@podroute/pod-network/bgp/external-policy.ts'
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { ExternalPeer } from '@podroute/pod-network/settings.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { ANSWER, type Flow, Flows } from './flows.ts'
import { OWN, TestNode } from './pod-network-node.ts'

const FABRIC = 'pr-ecmp-fabric'
const ASN = 65000
const PREFIXES = ['198.51.100.0/24', '2001:db8:100::/64']
const FLOWS = 48

interface Router {
  readonly name: string
  readonly netns: string
  readonly ipv4: string
  readonly ipv6: string
}

const routers = [1, 2, 3].map((n): Router => {
  return { name: `r${n}`, netns: `pr-ecmp-r${n}`, ipv4: `172.31.0.10${n}`, ipv6: `fd31::10${n}` }
})

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' })
}

const settings = {
  externalPeers: routers.map(({ ipv4 }): ExternalPeer => {
    const acceptRoutes = PREFIXES.map((prefix) => acceptedPrefix(cidr(prefix), {}))
    return { address: ipv4, asn: ASN, acceptRoutes, maxPrefixes: 100, families: [4, 6] }
  }),
}

/** What the kernel tells of its routes. */
class Monitor implements Disposable {
  text = ''
  readonly #child

  private constructor(netns: string) {
    this.#child = spawn('ip', ['-n', netns, 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout.setEncoding('utf8').on('data', (more: string) => {
      this.text += more
    })
  }

  static async start(netns: string): Promise<Monitor> {
    const monitor = new Monitor(netns)
    await eventually(() => {
      for (const verb of ['add', 'delete']) ip('-n', netns, 'route', verb, 'blackhole', '192.0.2.0/25')
      return monitor.text.includes('192.0.2.0/25')
    })
    monitor.text = ''
    return monitor
  }

  /** Of the prefixes that the routers announce. */
  deleted(): string[] {
    return this.text.split('\n').filter((line) => /^Deleted .*(198\.51\.100|2001:db8:100)/.test(line))
  }

  [Symbol.dispose](): void {
    this.#child.kill()
  }
}

describe('routes by several routers', function () {
  this.timeout(30_000)
  let node: TestNode
  let flows: Flows
  const speakers = new Map<Router, Speaker>()
  const programs: ChildProcess[] = []

  const speak = async (router: Router) => {
    const { netns, ipv4, ipv6 } = router
    const speaker = new Speaker({
      ...{ asn: ASN, routerId: ipv4, listen: { addresses: [ipv4], port: 179 } },
      transport: kernelTransport(netns),
    })
    const families = ['ipv4-unicast', 'ipv6-unicast'] as const
    const nextHop = { ipv4, ipv6 }
    speaker.addPeer({ address: '172.31.0.11', asn: 64512, families, nextHop, connectRetryTime: 1 })
    for (const prefix of PREFIXES) speaker.announce({ prefix, nextHop: gatewayOf(router, prefix) })
    await speaker.start()
    speakers.set(router, speaker)
  }
  const stop = async (router: Router) => {
    await speakers.get(router)?.close('maintenance')
    speakers.delete(router)
  }
  /** Next hops of both prefixes, as the kernel has them. */
  const hops = () =>
    PREFIXES.map((prefix) => {
      const [route] = JSON.parse(
        ip('-n', node.netns.name, prefix.includes(':') ? '-6' : '-4', '-j', 'route', 'show', prefix) || '[]',
      )
      const several: { gateway: string }[] = route?.nexthops ?? (route ? [route] : [])
      return several.map(({ gateway }) => gateway.replace(/.*10/, 'r')).sort()
    })
  const leadBy = (...names: string[]) =>
    eventually(() => hops().every((found) => found.join() === names.join()))
  const at = (flow: Flow) => flow.by.at(-1)
  const gatewayOf = ({ ipv4, ipv6 }: Router, prefix: string) => (prefix.includes(':') ? ipv6 : ipv4)

  before(async () => {
    node = await TestNode.create()
    for (const netns of [FABRIC, ...routers.map((router) => router.netns)]) {
      removeNetns(netns)
      createNetns(netns)
    }
    ip('-n', FABRIC, 'link', 'add', 'br0', 'up', 'type', 'bridge', 'forward_delay', '0')
    ip('-n', node.netns.name, 'link', 'set', 'eth0-p', 'netns', FABRIC)
    ip('-n', FABRIC, 'link', 'set', 'eth0-p', 'master', 'br0', 'up')
    for (const { name, netns, ipv4, ipv6 } of routers) {
      ip('-n', FABRIC, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns)
      ip('-n', FABRIC, 'link', 'set', name, 'master', 'br0', 'up')
      ip('-n', netns, 'link', 'set', 'lo', 'up')
      ip('-n', netns, 'address', 'add', `${ipv4}/24`, 'dev', 'eth0')
      ip('-n', netns, 'address', 'add', `${ipv6}/64`, 'dev', 'eth0', 'nodad')
      ip('-n', netns, 'link', 'set', 'eth0', 'up')
      // Every router answers for all that it announces.
      for (const prefix of PREFIXES) ip('-n', netns, 'route', 'add', 'local', prefix, 'dev', 'lo')
      const command = ['netns', 'exec', netns, process.execPath, '-e', ANSWER, name]
      const program = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] })
      programs.push(program)
      await once(program.stdout!, 'data')
    }
    node.createSpeaker = (config) => new Speaker({ ...config, transport: kernelTransport(node.netns.path) })
    await node.start(settings, OWN)
    for (const router of routers) await speak(router)
    await leadBy('r1', 'r2', 'r3')
    const addresses = Array.from({ length: FLOWS }, (_, n) => [
      `198.51.100.${n + 1}`,
      `2001:db8:100::${n + 1}`,
    ])
    flows = new Flows(node.netns.name, addresses.flat())
  })
  after(async () => {
    flows?.[Symbol.dispose]()
    for (const program of programs) program.kill()
    for (const router of routers) await stop(router)
    await node?.[Symbol.asyncDispose]()
    for (const netns of [FABRIC, ...routers.map((router) => router.netns)]) removeNetns(netns)
  })

  it('spread flows of both families over all of them', async () => {
    const seen = await eventually(async () => {
      const found = await flows.look()
      return found.every((flow) => at(flow) !== undefined) && found
    })
    for (const six of [false, true])
      for (const { name } of routers) {
        const count = seen.filter((flow) => flow.to.includes(':') === six && at(flow) === name).length
        expect(count, `${name}, IPv${six ? 6 : 4}`).to.be.within(FLOWS / 8, (FLOWS * 2) / 3)
      }
  })

  it('are changed in place when one ends its session: what goes by the others loses no packet', async () => {
    using monitor = await Monitor.start(node.netns.name)
    const before = await flows.look()
    await stop(routers[2]!)
    await leadBy('r1', 'r2')
    await eventually(() => PREFIXES.every((prefix) => monitor.text.includes(prefix)))
    const after = await eventually(async () => {
      const found = await flows.look()
      return found.every((flow) => at(flow) !== 'r3') && found
    })
    expect(monitor.deleted()).to.deep.equal([])
    for (const [i, flow] of after.entries())
      if (at(before[i]!) !== 'r3') expect(flow.sent - flow.received, `lost to ${flow.to}`).to.be.at.most(2)
  })

  it('leave flows where they are that go by the one that is left', async () => {
    using monitor = await Monitor.start(node.netns.name)
    const before = await flows.look()
    await stop(routers[1]!)
    await leadBy('r1')
    const after = await flows.look()
    expect(monitor.deleted()).to.deep.equal([])
    for (const [i, flow] of after.entries())
      if (at(before[i]!) === 'r1') expect(flow.by, flow.to).to.deep.equal(['r1'])
  })

  it('are put back as they were when somebody changes them, and when their interface was down', async () => {
    await speak(routers[1]!)
    await leadBy('r1', 'r2')
    for (const prefix of PREFIXES)
      ip(
        '-n',
        node.netns.name,
        'route',
        'replace',
        prefix,
        'via',
        gatewayOf(routers[2]!, prefix),
        'proto',
        '179',
      )
    await leadBy('r1', 'r2')
    ip('-n', node.netns.name, '-6', 'route', 'delete', PREFIXES[1]!, 'via', routers[0]!.ipv6)
    await leadBy('r1', 'r2')
    ip('-n', node.netns.name, 'link', 'set', 'eth0', 'down')
    ip('-n', node.netns.name, 'link', 'set', 'eth0', 'up')
    ip('-n', node.netns.name, 'address', 'replace', 'fd31::11/64', 'dev', 'eth0', 'nodad')
    await leadBy('r1', 'r2')
  })

  it('are taken over by the next agent without a write', async () => {
    using monitor = await Monitor.start(node.netns.name)
    await node.network[Symbol.asyncDispose]()
    await node.start(settings, OWN)
    await eventually(
      () => node.network.view.snapshot().routes.filter(({ state }) => state === 'installed').length === 2,
    )
    expect(
      monitor.text.split('\n').filter((line) => PREFIXES.some((prefix) => line.includes(prefix))),
    ).to.deep.equal([])
    await leadBy('r1', 'r2')
  })
})

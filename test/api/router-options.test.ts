/** What the configuration says of a router is on the wire, and changes there without a new session: an agent and FRR. */
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { FrrRouter } from '../support/frr-router.ts'
import { CLIENT_PREFIXES, CLUSTER_ASN, ROUTER } from '../support/outside-router.ts'

/** A link of its own between node 1 and the router: no address on it but the link-local ones. */
const LINK = 'up1'

interface FrrPath {
  readonly path: string
  readonly metric?: number
  readonly aspath?: { readonly string: string }
  readonly community?: { readonly string: string }
  readonly largeCommunity?: { readonly string: string }
  readonly extendedCommunity?: { readonly string: string }
  readonly nexthops: readonly { readonly ip: string; readonly scope: string }[]
}

describe('the options of a router', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let frr: FrrRouter
  let one: TestNode
  let two: TestNode

  const configure = (node: TestNode, ...peers: readonly string[]) =>
    cluster.configure(node, agentConfig(cluster.conflist(node), `peers: [${peers.join(', ')}]`))
  const router = (more = '') => `{address: ${ROUTER.ipv4}, asn: ${ROUTER.asn}${more}}`
  const peer = async (node: TestNode, name: string = ROUTER.ipv4) =>
    (await cluster.ask(node, '/peers')).peers.find(({ address }) => address === name)
  const isUp = async (node: TestNode, name?: string) => (await peer(node, name))?.state === 'established'
  /** What the router has of a prefix from the node. */
  const path = async (prefix: string): Promise<FrrPath | undefined> => {
    const family = prefix.includes(':') ? 'ipv6' : 'ipv4'
    const text = await frr.vtysh(`show bgp ${family} unicast ${prefix} json`)
    const { paths = [] } = JSON.parse(text || '{}') as { paths?: FrrPath[] }
    return paths[0]
  }
  const bgp = (...lines: readonly string[]) =>
    frr.vtysh('configure terminal', `router bgp ${ROUTER.asn}`, ...lines)
  const accepted = async (node: TestNode) =>
    (await cluster.routes(node)).filter((route) => CLIENT_PREFIXES.some((each) => route.startsWith(each)))
      .length

  before(async () => {
    cluster = await AgentCluster.start('router-options')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    frr = await FrrRouter.start(cluster, [two])
    await run('ip', ['-n', one.netns, 'link', 'add', LINK, 'type', 'veth', 'peer', LINK, 'netns', frr.netns])
    for (const netns of [one.netns, frr.netns]) {
      await run('ip', ['netns', 'exec', netns, 'sysctl', '-qw', `net.ipv6.conf.${LINK}.accept_dad=0`])
      await run('ip', ['-n', netns, 'link', 'set', LINK, 'up'])
    }
    await eventually(async () => (await frr.vtysh('show bgp summary')) !== undefined)
    // It takes whatever AS number the node says that it has.
    await bgp(
      `neighbor ${one.ipv4} remote-as external`,
      `neighbor ${one.ipv4} timers connect 1`,
      'address-family ipv4 unicast',
      `neighbor ${one.ipv4} route-map next-hops out`,
      'exit-address-family',
      'address-family ipv6 unicast',
      `neighbor ${one.ipv4} activate`,
      `neighbor ${one.ipv4} route-map next-hops out`,
      'exit-address-family',
    )
    for (const node of [one, two]) {
      await cluster.registerNode(node, { ready: true })
      await cluster.startAgent(node, agentConfig(cluster.conflist(node), `peers: [${router()}]`))
    }
    for (const node of [one, two]) await eventually(() => isUp(node), 60_000)
  })
  after(async () => {
    await frr?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  it('say what goes with what it is told: communities of all kinds, MED, AS numbers, aggregates', async () => {
    const [v4, v6] = (await cluster.allocated(one)) as [string, string]
    await eventually(async () => (await path(v4)) && (await path(v6)))
    const since = (await peer(one))!.uptime!
    const communities = "['64512:7', '64512:1:2', 'rt:64512:100']"
    const announce = `announce: {communities: ${communities}, med: 5, prepend: 2, aggregates: [10.244.0.0/16]}`
    await configure(one, router(`, ${announce}`))
    for (const prefix of ['10.244.0.0/16', v6])
      await eventually(async () => {
        const found = await path(prefix)
        expect(found?.aspath?.string).to.equal('64512 64512 64512')
        expect(found?.metric).to.equal(5)
        expect(found?.community?.string).to.equal('64512:7')
        expect(found?.largeCommunity?.string).to.equal('64512:1:2')
        expect(found?.extendedCommunity?.string).to.equal('RT:64512:100')
        return true
      })
    await eventually(async () => (await path(v4)) === undefined)
    // Other nodes are told as before, and so is the router by the other node.
    expect(await cluster.routes(two)).to.include(`${v4} via ${one.ipv4}`)
    expect((await peer(one))!.uptime).to.be.greaterThan(since)
    await configure(one, router(', announce: {kinds: []}'))
    await eventually(async () => (await path(v6)) === undefined)
    await configure(one, router())
    await eventually(async () => (await path(v4))?.aspath?.string === '64512')
    expect((await peer(one))!.uptime).to.be.greaterThan(since)
  })

  it('say what it is believed: by communities and AS paths, by what is rejected', async () => {
    const since = (await peer(one))!.uptime!
    const say = (text: string) => configure(one, router(`, ${text}`))
    await say("accept: [{communities: ['65000:7']}]")
    await frr.vtysh('configure terminal', 'route-map next-hops permit 10', 'set community 65000:7 no-export')
    await eventually(async () => (await accepted(one)) === 2)
    await say("accept: [{communities: ['65000:8']}]")
    await eventually(async () => (await accepted(one)) === 0)
    await say(`accept: [{asPath: {maxLength: 1}}], reject: [{prefixes: ['${CLIENT_PREFIXES[0]}']}]`)
    await eventually(async () => (await accepted(one)) === 1)
    const { routes } = await cluster.ask(one, '/routes')
    expect(routes.find(({ destination }) => destination === CLIENT_PREFIXES[0])?.detail).to.match(/^rejected/)
    expect((await peer(one))!.uptime).to.be.greaterThan(since)
    await configure(one, router())
    await eventually(async () => (await accepted(one)) === 0)
  })

  it('say which AS number it sees (RFC 7705), and which nodes it is a peer of; other sessions stay', async () => {
    const [v4] = (await cluster.allocated(one)) as [string, string]
    const mesh = (await peer(one, two.ipv4))!.uptime!
    await configure(one, router(', localAsn: 64601'))
    await eventually(async () => (await path(v4))?.aspath?.string === '64601', 30_000)
    await configure(one, router(', localAsn: 64601, localAsnPrepends: true'))
    await eventually(async () => (await path(v4))?.aspath?.string === `64601 ${CLUSTER_ASN}`)
    await configure(one, router(', localAsn: 64601, nodes: {matchLabels: {rack: a}}'))
    await eventually(async () => (await peer(one)) === undefined)
    await cluster.kubectl('label', 'node', one.name, 'rack=a')
    await eventually(() => isUp(one), 30_000)
    await cluster.kubectl('label', 'node', one.name, 'rack-')
    await eventually(async () => (await peer(one)) === undefined)
    expect((await peer(one, two.ipv4))!.uptime).to.be.greaterThan(mesh)
    await configure(one, router())
    await eventually(() => isUp(one), 30_000)
  })

  it('say of which one a key cannot be read; the other goes on, and it starts when the key comes (A9)', async () => {
    const since = (await peer(one))!.uptime!
    const file = cluster.volume(one).file('key')
    const entries = [router(), `{address: 192.0.2.77, asn: 65077, passwordFile: ${file}}`]
    await configure(one, ...entries)
    const detail = async () =>
      (await cluster.ask(one, '/status')).conditions.find(({ name }) => name === 'routers')?.detail ?? ''
    await eventually(async () => /^peers\[1\]\.passwordFile: cannot read /.test(await detail()))
    expect(await peer(one, '192.0.2.77')).to.equal(undefined)
    await eventually(async () => (await cluster.kubectl('get', 'events', '-A')).includes('RouterNotUsable'))
    const text = agentConfig(cluster.conflist(one), `peers: [${entries.join(', ')}]`)
    await cluster.configure(one, text, { key: 'a key\n' })
    await eventually(async () => (await peer(one, '192.0.2.77'))?.state !== undefined)
    expect(await detail()).to.equal('')
    // Gone again: the last one goes on.
    await cluster.configure(one, text)
    await eventually(async () => /the last password goes on$/.test(await detail()))
    expect(await peer(one, '192.0.2.77')).not.to.equal(undefined)
    expect((await peer(one))!.uptime).to.be.greaterThan(since)
    await configure(one, router())
  })

  for (const capability of [false, true])
    it(`A12: has IPv4 prefixes over an IPv6 session by the Node’s IPv4 address, ${capability ? 'though it takes' : 'and takes no'} IPv6 next hops for them (RFC 8950)`, async () => {
      const prefixes = (await cluster.allocated(one)) as [string, string]
      await configure(one)
      await bgp(
        `neighbor ${one.ipv6} remote-as external`,
        `neighbor ${one.ipv6} timers connect 1`,
        ...(capability ? [`neighbor ${one.ipv6} capability extended-nexthop`] : []),
        ...['address-family ipv4 unicast', `neighbor ${one.ipv6} activate`, 'exit-address-family'],
        ...['address-family ipv6 unicast', `neighbor ${one.ipv6} activate`, 'exit-address-family'],
      )
      await configure(one, `{address: '${ROUTER.ipv6}', asn: ${ROUTER.asn}}`)
      await eventually(() => isUp(one, ROUTER.ipv6), 60_000)
      for (const [i, nextHop] of [one.ipv4, one.ipv6].entries())
        await eventually(async () =>
          expect((await path(prefixes[i]!))?.nexthops.map(({ ip }) => ip)).to.deep.equal([nextHop]),
        )
      await bgp(`no neighbor ${one.ipv6}`)
      await configure(one, router())
      await eventually(() => isUp(one), 30_000)
    })

  it('may name an interface alone: the router is found there, both families go over it', async () => {
    const [v4, v6] = (await cluster.allocated(one)) as [string, string]
    await bgp(
      `neighbor ${LINK} interface remote-as external`,
      `neighbor ${LINK} timers connect 1`,
      'address-family ipv6 unicast',
      `neighbor ${LINK} activate`,
      'exit-address-family',
    )
    await configure(one, `{interface: ${LINK}, asn: external, description: spine, accept: [{}]}`)
    await eventually(() => isUp(one, LINK), 60_000)
    for (const prefix of [v4, v6])
      await eventually(async () => {
        const { nexthops = [] } = (await path(prefix)) ?? {}
        return nexthops.some(({ ip }) => ip.startsWith('fe80::'))
      })
    expect(await cluster.podroute(one, 'peers').then(({ stdout }) => stdout)).to.include('spine')
    await configure(one, router())
    await bgp(`no neighbor ${LINK} interface`)
  })
})

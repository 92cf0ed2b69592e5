/** Agents with the flags of kube-router's example manifests, on Nodes with its annotations, and a router outside that kube-router's users have. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { FrrRouter } from '../support/frr-router.ts'
import { CLUSTER_ASN, ROUTER } from '../support/outside-router.ts'

/** daemonset/generic-kuberouter-all-features-advertise-routes.yaml, but for the proxy: there is no IPVS here. */
const WITH_ROUTER = [
  ...['--run-router=true', '--run-firewall=true', '--bgp-graceful-restart=true'],
  ...[`--peer-router-ips=${ROUTER.ipv4}`, `--peer-router-asns=${ROUTER.asn}`],
  ...[`--cluster-asn=${CLUSTER_ASN}`, '--advertise-cluster-ip=true'],
]
/** daemonset/kubeadm-kuberouter.yaml */
const PLAIN = ['--run-router=true', '--run-firewall=true', '--bgp-graceful-restart=true']

const PASSWORD = 'SecurePassword'
const PEERS = `
- remoteip: ${ROUTER.ipv4}
  remoteasn: ${ROUTER.asn}
  password: ${Buffer.from(`${PASSWORD}\n`).toString('base64')}
`

/** What docs/migrating-from-kube-router.md says for the move. */
const WHILE_MOVING = 'bgp: { meshTtlSecurity: false, reflectors: "off" }'
/** Nobody's pods. */
const FOREIGN = '10.244.200.0/24'

/** As kube-router configures it between nodes. */
function gobgp(node: TestNode, others: readonly TestNode[]): string {
  const families = ['ipv4-unicast', 'ipv6-unicast'].map(
    (family) => `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}"`,
  )
  const neighbors = others.map(
    ({ ipv4 }) => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${ipv4}"
    peer-as = ${CLUSTER_ASN}
  [neighbors.transport.config]
    local-address = "${node.ipv4}"
  [neighbors.timers.config]
    connect-retry = 1
${families.join('\n')}`,
  )
  return `[global.config]
  as = ${CLUSTER_ASN}
  router-id = "${node.ipv4}"
  local-address-list = ["${node.ipv4}"]
${neighbors.join('\n')}
`
}

interface FrrPath {
  readonly aspath: { readonly string: string }
  readonly community?: { readonly string: string }
}

describe('agents in the place of kube-router', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let router: FrrRouter
  let one: TestNode
  let two: TestNode
  /** Where GoBGP, which kube-router speaks BGP by, is in the place of an agent. */
  let three: TestNode
  let prefixes: string[]

  const annotate = (node: TestNode, ...annotations: readonly string[]) =>
    cluster.kubectl('annotate', 'node', node.name, '--overwrite', ...annotations)
  /** How often the session with a node came up. */
  const established = async (node: TestNode) => {
    const json = JSON.parse(await router.vtysh(`show bgp neighbors ${node.ipv4} json`))
    return Number(json[node.ipv4].connectionsEstablished)
  }
  /** The router's path to the node's pods. */
  const path = async (prefix: string): Promise<FrrPath | undefined> => {
    const { paths = [] } = JSON.parse(await router.vtysh(`show bgp ipv4 unicast ${prefix} json`))
    return paths[0]
  }
  const start = (node: TestNode, flags: readonly string[]) =>
    cluster.startAgent(node, agentConfig(cluster.conflist(node), WHILE_MOVING), { flags })

  const startGobgp = async (node: TestNode, others: readonly TestNode[]) => {
    const folder = join(cluster.directory, 'gobgp')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'gobgpd.toml'), gobgp(node, others))
    const command = ['gobgpd', '-f', join(folder, 'gobgpd.toml'), '--pprof-disable']
    await cluster.processes.start('gobgpd', [...command, '--api-hosts=127.0.0.1:50051'], {
      netns: node.netns,
    })
    const add = (prefix: string) =>
      cluster.exec(node, 'gobgp', 'global', 'rib', 'add', prefix, 'nexthop', node.ipv4!)
    await eventually(
      () =>
        add(prefixes[2]!)
          .then(() => true)
          .catch(() => false),
      20_000,
    )
    await add(FOREIGN)
  }

  before(async () => {
    cluster = await AgentCluster.start('kube-router')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    three = await cluster.addNamespace()
    router = await FrrRouter.start(cluster, [one, two])
    const password = `neighbor ${two.ipv4} password ${PASSWORD}`
    // Its daemon is not there at once.
    await eventually(() =>
      router.vtysh('configure terminal', `router bgp ${ROUTER.asn}`, password).then(
        () => true,
        () => false,
      ),
    )
    for (const node of [one, two, three]) await cluster.registerNode(node, { ready: true })
    await annotate(two, `kube-router.io/peers=${PEERS}`)
    await start(one, WITH_ROUTER)
    await start(two, PLAIN)
    const allocated = await Promise.all([one, two, three].map((node) => cluster.allocated(node)))
    prefixes = allocated.map((each) => each.find((prefix) => !prefix.includes(':'))!)
    await startGobgp(three, [one, two])
  })
  after(async () => {
    await router?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })

  it('have the sessions that its flags and its annotations name, and those between nodes', async () => {
    for (const node of [one, two]) await eventually(() => router.hears(node), 60_000)
    await eventually(
      async () => expect(await router.learned()).to.include.members(prefixes.slice(0, 2)),
      30_000,
    )
    await eventually(async () => {
      const { peers } = await cluster.ask(one, '/peers')
      return peers.length === 3 && peers.every(({ state }) => state === 'established')
    }, 30_000)
    await eventually(async () =>
      expect((await cluster.routes(one)).join()).to.include(`${prefixes[1]} via ${two.ipv4}`),
    )
  })

  it('believe a node that kube-router still runs on about its pods, and are believed, while the cluster moves', async () => {
    await eventually(async () =>
      expect((await cluster.routes(one)).join()).to.include(`${prefixes[2]} via ${three.ipv4}`),
    )
    await eventually(async () => {
      const rib = await cluster.exec(three, 'gobgp', 'global', 'rib')
      return rib.includes(prefixes[0]!) && rib.includes(prefixes[1]!)
    })
    expect((await cluster.routes(one)).join()).to.not.include(FOREIGN)
  })

  it('prepend and mark what the router is told, as its annotations say, and no session ends for that', async () => {
    const before = await Promise.all([established(one), established(two)])
    await annotate(
      ...([two, 'kube-router.io/path-prepend.as=64999', 'kube-router.io/path-prepend.repeat-n=3'] as const),
      'kube-router.io/node.bgp.communities=4232052813,64512:78',
    )
    await eventually(async () => {
      const told = await path(prefixes[1]!)
      expect(told?.aspath.string).to.equal(`${CLUSTER_ASN} 64999 64999 64999`)
      return expect(told?.community?.string.split(' ')).to.have.members(['64576:77', '64512:78'])
    })
    expect((await path(prefixes[0]!))?.aspath.string).to.equal(String(CLUSTER_ASN))
    await annotate(two, 'kube-router.io/path-prepend.as-', 'kube-router.io/path-prepend.repeat-n-')
    await eventually(async () =>
      expect((await path(prefixes[1]!))?.aspath.string).to.equal(String(CLUSTER_ASN)),
    )
    expect(await Promise.all([established(one), established(two)])).to.deep.equal(before)
  })

  it('keep a session while its annotation is wrong, say so in an Event and in podroute status, and show no password', async () => {
    const before = await established(two)
    await annotate(two, `kube-router.io/peers=${PEERS.replace(ROUTER.ipv4, 'nowhere')}`)
    await eventually(async () => {
      const events = await cluster.kubectl('get', 'events', '-o', 'json')
      const { items } = JSON.parse(events) as { items: { reason: string; message?: string; note?: string }[] }
      const refused = items.filter(({ reason }) => reason === 'NodeAnnotationRefused')
      return expect(refused.map(({ message, note }) => message ?? note)).to.deep.equal([
        'the last good value goes on: kube-router.io/peers[0].remoteip: not an IP address',
      ])
    })
    const { stdout } = await cluster.podroute(two, 'status')
    expect(stdout).to.include('kube-router.io/peers[0].remoteip: not an IP address')
    await cluster.killAgent(two)
    await start(two, PLAIN)
    await eventually(() => router.hears(two), 60_000)
    expect(await established(two)).to.equal(before + 1)
    const log = await cluster.agentLog(two)
    for (const secret of [PASSWORD, PEERS.match(/password: (\S+)/)![1]!]) {
      expect(log).to.not.include(secret)
      expect(stdout).to.not.include(secret)
    }
  })

  it('end a session whose annotation goes, and no other', async () => {
    const before = await established(one)
    await annotate(two, 'kube-router.io/peers-')
    await eventually(async () => expect(await router.hears(two)).to.equal(false))
    expect([await router.hears(one), await established(one)]).to.deep.equal([true, before])
    await annotate(two, `podroute.io/peers=${PEERS}`)
    await eventually(() => router.hears(two), 60_000)
  })

  it('peer with whom the older annotations name, as the documentation of kube-router has them', async () => {
    const before = await established(one)
    await annotate(two, 'podroute.io/peers-')
    await eventually(async () => expect(await router.hears(two)).to.equal(false))
    await annotate(
      two,
      `kube-router.io/peer.ips=${ROUTER.ipv4}`,
      `kube-router.io/peer.asns=${ROUTER.asn}`,
      `kube-router.io/peer.passwords=${Buffer.from(`${PASSWORD}\n`).toString('base64')}`,
    )
    await eventually(() => router.hears(two), 60_000)
    expect(await established(one)).to.equal(before)
  })

  it('say of flags that mean nothing here why, and refuse those that must not be passed over', async () => {
    await cluster.killAgent(one)
    await start(one, [...WITH_ROUTER, '--enable-overlay=true', '--routes-sync-period=5m0s'])
    await eventually(async () => {
      const said = await cluster.said(one, 'a flag of kube-router has no effect here')
      return said.length === 2
    })
    const [keys] = await cluster.said(one, 'flags set these keys, whatever the file says')
    expect(keys).to.include('"asn"').and.to.include('"peers"').and.to.include('"serviceAddresses.clusterIPs"')
    const flags = ['--netpol-default-deny', '--peer-router-ip=192.0.2.1']
    const { code, stderr } = await cluster.runAgent(two, agentConfig(cluster.conflist(two)), { flags })
    expect(code).to.equal(2)
    expect(stderr).to.include('--netpol-default-deny: ').and.to.include('did you mean --peer-router-ips?')
  })
})

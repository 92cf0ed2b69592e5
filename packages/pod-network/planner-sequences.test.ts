import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { MemoryResource } from '@podroute/reconcile/testing/memory-resource.ts'
import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import type { Announcement, PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { AnnouncementResource } from './bgp/announcement-resource.ts'
import { PeerResource } from './bgp/peer-resource.ts'
import type { BridgeAddress, BridgePlan } from './bridge/bridge.ts'
import { NOWHERE } from './bridge/host-interfaces.ts'
import type { SetElement } from './egress/masquerade.ts'
import { ClusterNodes } from './nodes/cluster-nodes.ts'
import { withFieldsOf } from './nodes/last-known-fields.ts'
import { Planner } from './planner.ts'
import { testNode, testSettings } from './testing/fixtures.ts'

const LOCAL = 'node-1'
/** Fewer addresses and prefixes than Nodes: they meet, and swap what they have. */
const NAMES = [2, 3, 4, 5]
const ADDRESSES = ['172.30.0.12', '172.30.0.13', '172.30.0.14', 'fd30::12', 'fd30::13']
const PREFIXES = ['10.244.2.0/24', '10.244.3.0/24', '10.0.0.0/8', 'fd10:244:0:2::/64']
/** One router has a Node's address. */
const SETTINGS = {
  ...testSettings,
  externalPeers: [
    { address: '172.30.0.100', asn: 65000, acceptRoutes: true, maxPrefixes: 10 },
    { address: '172.30.0.14', asn: 65000, acceptRoutes: false, maxPrefixes: 10 },
  ],
}

/** A planner on tables whose peers and announcements are those of a real speaker, which is not started. */
class World {
  readonly nodes = new ClusterNodes(LOCAL)
  readonly speaker = new Speaker({ asn: 64512, routerId: '172.30.0.11' })
  readonly tables = {
    bridge: new Table<string, BridgePlan>(new MemoryResource()),
    sysctls: new Table<string, string>(new MemoryResource()),
    addresses: new Table<string, BridgeAddress>(new MemoryResource()),
    masquerade: new Table<string, SetElement>(new MemoryResource()),
    masqueradeChain: new Table<string, string>(new MemoryResource()),
    announcements: new Table<string, Announcement>(new AnnouncementResource(() => this.speaker)),
    peers: new Table<string, PeerConfig>(new PeerResource(() => this.speaker), { clock: systemClock }),
  }
  readonly planner = new Planner(
    { nodeName: LOCAL, settings: () => SETTINGS, isVip: () => false },
    this.nodes,
    this.tables,
  )

  set(node: ClusterNode): void {
    this.planner.markNode(node.name, this.nodes.set(node))
  }

  delete(name: string): void {
    this.planner.markNode(name, this.nodes.delete(name))
  }

  plan(): void {
    this.planner.plan(this.nodes.get(LOCAL)!, NOWHERE)
  }

  async flush(): Promise<void> {
    for (const table of Object.values(this.tables)) await table.flush()
  }

  /** Everything that the last Nodes decide. */
  state() {
    const { bridge, addresses, masquerade, announcements, peers } = this.tables
    const byKey = (entries: Iterable<readonly [string, unknown]>) => Object.fromEntries(entries)
    return {
      speaker: byKey(Array.from(this.speaker.configurations(), (config) => [config.address!, config])),
      announced: byKey(this.speaker.announced().map((route) => [route.prefix, route])),
      wanted: [bridge, addresses, masquerade, announcements, peers].map((table) => byKey(table.desired())),
      owners: [
        ...ADDRESSES.map((address) => this.nodes.withAddress(address)?.name),
        ...PREFIXES.map((prefix) => this.nodes.withPodCidr(prefix)?.name),
      ],
    }
  }
}

/** Random Nodes come, change and go; what must be there at the end is kept beside. */
function randomEvent(random: () => number, world: World, last: Map<string, ClusterNode>): void {
  const some = (values: readonly string[]) => values.filter(() => random() < 0.4)
  const name = `node-${pick(random, NAMES)}`
  const other = last.get(`node-${pick(random, NAMES)}`)
  const before = last.get(name)
  const tell = (node: ClusterNode) => {
    const known = last.get(node.name)
    last.set(node.name, known ? withFieldsOf(node, known) : node)
    world.set(node)
  }
  const kind = random()
  if (kind < 0.2) {
    last.delete(name)
    world.delete(name)
  } else if (kind < 0.4 && before && other) {
    tell({ ...before, addresses: other.addresses })
    tell({ ...other, addresses: before.addresses })
  } else {
    const ready = random() < 0.7
    tell(testNode(1, { name, ready, podCIDRs: some(PREFIXES), internalIPs: some(ADDRESSES) }))
  }
}

async function expectSameEnd(seed: number): Promise<void> {
  const random = seeded(seed)
  const world = new World()
  const last = new Map<string, ClusterNode>()
  world.set(testNode(1))
  for (let event = 0; event < 40; event++) {
    randomEvent(random, world, last)
    if (random() < 0.5) world.plan()
    if (random() < 0.5) await world.flush()
  }
  const fresh = new World()
  for (const node of [testNode(1), ...last.values()].toReversed()) fresh.set(node)
  for (const each of [world, fresh]) {
    each.plan()
    await each.flush()
  }
  expect(world.state(), `SEED=${seed}`).to.deep.equal(fresh.state())
  expect(await world.tables.peers.audit(), `SEED=${seed}`).to.deep.equal([])
}

describe('planner, after random sequences of Nodes', () => {
  const seed = testSeed()

  it(`ends in the state that the last objects describe (SEED=${seed})`, async () => {
    for (let i = 0; i < 25; i++) await expectSameEnd(seed + i)
  })
})

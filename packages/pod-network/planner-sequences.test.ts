import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { contentsOf } from '@podroute/kernel/testing/fake-contents.ts'
import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { withFieldsOf } from './nodes/last-known-fields.ts'
import type { ExternalPeer } from './settings.ts'
import { testNode } from './testing/fixtures.ts'
import { World } from './testing/world.ts'

/** Fewer addresses and prefixes than Nodes: they meet, and swap what they have. */
const NAMES = [2, 3, 4, 5]
const ADDRESSES = ['172.30.0.12', '172.30.0.13', '172.30.0.14', 'fd30::12', 'fd30::13']
const PREFIXES = ['10.244.2.0/24', '10.244.3.0/24', '10.0.0.0/8', 'fd10:244:0:2::/64']
/** One router has a Node's address. */
const ROUTERS: readonly ExternalPeer[] = [
  { address: '172.30.0.100', asn: 65000, acceptRoutes: true, maxPrefixes: 10 },
  { address: '172.30.0.14', asn: 65000, acceptRoutes: false, maxPrefixes: 10 },
]
const routers = (random: () => number) => ROUTERS.filter(() => random() < 0.5)

const addressesOf = ({ addresses, addressesByType }: ClusterNode) => ({ addresses, addressesByType })

/** Random Nodes and routers come, change and go; what must be there at the end is kept beside. */
function randomEvent(random: () => number, world: World, last: Map<string, ClusterNode>): void {
  const some = (values: readonly string[]) => values.filter(() => random() < 0.4)
  const name = `node-${pick(random, NAMES)}`
  const other = last.get(`node-${pick(random, NAMES)}`)
  const before = last.get(name)
  const tell = (node: ClusterNode) => {
    const known = last.get(node.name)
    last.set(node.name, known ? withFieldsOf(node, known) : node)
    world.network.setNode(node)
  }
  const kind = random()
  if (kind < 0.2) {
    last.delete(name)
    world.network.removeNode(name)
  } else if (kind < 0.3) {
    world.settings = { ...world.settings, externalPeers: routers(random) }
    world.network.configure(world.settings)
  } else if (kind < 0.4) {
    world.portTaken = random() < 0.5
    world.settings = { ...world.settings, asn: pick(random, [64512, 64513]) }
    world.network.configure(world.settings)
  } else if (kind < 0.6 && before && other) {
    tell({ ...before, ...addressesOf(other) })
    tell({ ...other, ...addressesOf(before) })
  } else {
    const ready = random() < 0.7
    tell(testNode(1, { name, ready, podCIDRs: some(PREFIXES), internalIPs: some(ADDRESSES) }))
  }
}

/** Everything that the last objects decide. */
async function stateOf(world: World) {
  const byKey = (entries: Iterable<readonly [string, unknown]>) => Object.fromEntries([...entries].sort())
  return {
    asn: world.speaker?.config.asn,
    listening: world.speaker?.listening(),
    peers: byKey(Array.from(world.speaker?.configurations() ?? [], (config) => [config.address!, config])),
    announced: byKey((world.speaker?.announced() ?? []).map((route) => [route.prefix, route])),
    kernel: await contentsOf(world.kernel),
    names: world.network.view
      .peers()
      .map(({ name, address }) => `${name} ${address}`)
      .sort(),
  }
}

async function expectSameEnd(seed: number): Promise<void> {
  const random = seeded(seed)
  await using world = new World({ peerDeadline: 1, externalPeers: routers(random) })
  const last = new Map<string, ClusterNode>()
  await world.start(testNode(1))
  for (let event = 0; event < 40; event++) {
    randomEvent(random, world, last)
    if (random() < 0.5) await world.settle(50)
  }
  world.portTaken = false
  await world.settle(3000)
  await using fresh = new World(world.settings)
  await fresh.start(...[testNode(1), ...last.values()].toReversed())
  await fresh.settle(3000)
  expect(await stateOf(world), `SEED=${seed}`).to.deep.equal(await stateOf(fresh))
  expect([...world.network.pending()], `SEED=${seed}`).to.deep.equal([])
}

describe('planner, after random sequences of Nodes and settings', () => {
  const seed = testSeed()

  it(`ends in the state that the last objects describe (SEED=${seed})`, async () => {
    for (let i = 0; i < 15; i++) await expectSameEnd(seed + i)
  })
})

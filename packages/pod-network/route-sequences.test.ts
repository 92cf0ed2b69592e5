import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { ipv4Node, World } from './testing/world.ts'

const NUMBERS = [2, 3, 4]
const address = (n: number) => `172.30.0.1${n}`
const prefix = (n: number) => `10.244.${n}.0/24`
/** Longer than a route outlives its session, and than a peer's graceful restart. */
const LONG = 250_000

/** Nodes come and go, and so do their agents, in any order and with and without a goodbye. */
async function expectLastRoutes(seed: number): Promise<void> {
  const random = seeded(seed)
  await using world = new World({ peerDeadline: 2 })
  await world.start(ipv4Node(1))
  const nodes = new Set<number>()
  const agents = new Set<number>()
  for (let event = 0; event < 30; event++) {
    const n = pick(random, NUMBERS)
    if (random() < 0.5) {
      if (random() < 0.3) {
        nodes.delete(n)
        world.network.removeNode(`node-${n}`)
      } else {
        nodes.add(n)
        world.network.setNode(ipv4Node(n, { ready: random() < 0.7 }))
      }
    } else if (agents.delete(n)) await world.silence(address(n), random() < 0.5 ? 'stops' : undefined)
    else {
      agents.add(n)
      await world.speak(address(n), [prefix(n)])
    }
    if (random() < 0.7) await world.settle(random() < 0.2 ? 20_000 : 500)
  }
  await world.settle(LONG)
  const expected = NUMBERS.filter((n) => nodes.has(n) && agents.has(n))
  expect(world.routes(), `SEED=${seed}`).to.deep.equal(expected.map((n) => `${prefix(n)} via ${address(n)}`))
  expect([...world.network.pending()], `SEED=${seed}`).to.deep.equal([])
  const reached = world.network.view
    .report()
    .filter(({ kind, state }) => kind === 'node' && state === 'in-place')
  expect(reached.map(({ name }) => name).sort(), `SEED=${seed}`).to.deep.equal(
    expected.map((n) => `node-${n}`),
  )
}

describe('routes, after random sequences of Nodes and agents', function () {
  this.timeout(60_000)
  const seed = testSeed()

  it(`are those of the agents that are there (SEED=${seed})`, async () => {
    for (let i = 0; i < 5; i++) await expectLastRoutes(seed + i)
  })
})

import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { Enforcement } from './enforcement.ts'
import { passes } from './testing/interpreter.ts'
import { type End, type ModelCluster, mayTalk } from './testing/model.ts'
import { NODES, OUTSIDE, PORTS, PROTOCOLS, randomChange, randomCluster } from './testing/random-cluster.ts'
import { ToldCluster } from './testing/told-cluster.ts'

const TABLE = 'inet podroute-network-policy'

/** What the kernel of a node and the model do not agree on. */
function differences(
  cluster: ModelCluster,
  { kernel, mayTalk: judged }: { kernel: FakeKernel; mayTalk?: Enforcement['mayTalk'] },
  node: string,
): string[] {
  const found: string[] = []
  const ends = [0, 1].map((family): End[] => [
    ...cluster.pods.map((pod) => ({ pod, address: pod.addresses[family]! })),
    { address: OUTSIDE[family]! },
  ])
  for (const family of ends)
    for (const from of family)
      for (const to of family)
        for (const protocol of PROTOCOLS)
          for (const port of PORTS) {
            const wanted = mayTalk(cluster, { from, to, protocol, port }, node)
            const packet = { source: from.address, destination: to.address, port }
            const lower = protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp'
            const seen = passes(kernel.nft.tables.get(TABLE), { ...packet, protocol: lower })
            if (judged && wanted !== judged({ ...packet, protocol: lower }))
              found.push(`${from.address} ${to.address} ${lower} ${port}: judged as ${!wanted}`)
            if (wanted !== seen)
              found.push(`${from.address} ${to.address} ${lower} ${port}: ${seen}, not ${wanted}`)
          }
  return found
}

async function start(told: ToldCluster, node: string) {
  const kernel = new FakeKernel()
  const make = () =>
    new Enforcement({
      nodeName: node,
      cluster: told.state,
      kernel,
      clock: new ManualClock(),
      random: () => 0,
    })
  let enforcement = make()
  const follow = () => {
    const { state } = told
    state.subscribe('networkpolicies', {
      changed: (key, a, b) => enforcement.policyChanged(key, a, b),
      synced() {},
    })
    state.subscribe('clusternetworkpolicies', { changed: () => enforcement.clusterChanged(), synced() {} })
    state.subscribe('namespaces', { changed: (key) => enforcement.namespaceChanged(key), synced() {} })
    state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
  }
  follow()
  await enforcement.adopt()
  await enforcement.synced()
  const restart = async () => {
    await enforcement[Symbol.asyncDispose]()
    const scripts = kernel.nft.scripts.length
    enforcement = make()
    for (const [key, policy] of told.state.networkPolicies) enforcement.policyChanged(key, undefined, policy)
    for (const [key, pod] of told.state.pods) enforcement.podChanged(key, undefined, pod)
    await enforcement.adopt()
    await enforcement.synced()
    return kernel.nft.scripts.slice(scripts)
  }
  return {
    kernel,
    restart,
    mayTalk: (ends: Parameters<Enforcement['mayTalk']>[0]) => enforcement.mayTalk(ends),
    flush: () => enforcement.flush(),
    cleanup: () => enforcement.cleanup(),
    audit: () => enforcement.audit(),
  }
}

describe('network policy in a random cluster', function () {
  this.timeout(60_000)
  const seed = testSeed()

  it(`judges as the model does, at first and after each of 200 changes (SEED=${seed})`, async () => {
    const random = seeded(seed)
    const model = randomCluster(random, { pods: 8, policies: 7, clusterPolicies: 5 })
    const told = new ToldCluster(model)
    told.tellAll()
    const nodes = await Promise.all(NODES.map(async (name) => ({ name, ...(await start(told, name)) })))
    // To ask for the reason costs more than the verdict.
    const check = (when: string, explained = true) => {
      for (const { name, kernel, mayTalk: judged } of nodes)
        expect(
          differences(model, explained ? { kernel, mayTalk: judged } : { kernel }, name),
          `${when}, ${name}`,
        ).to.deep.equal([])
    }
    check('at first')
    for (let step = 1; step <= 200; step++) {
      const change = randomChange(random, model)
      told.tell(change)
      for (const { flush } of nodes) await flush()
      check(`change ${step}, ${JSON.stringify(change)}`, step % 10 === 0)
    }
    for (const { restart, kernel, mayTalk: judged, name } of nodes) {
      expect(await restart(), 'written by the next agent').to.deep.equal([])
      expect(differences(model, { kernel, mayTalk: judged }, name)).to.deep.equal([])
    }
    for (const { cleanup, kernel } of nodes) {
      await cleanup()
      expect([...kernel.nft.tables.keys()]).to.deep.equal([])
    }
  })

  it(`judges as the model does in a cluster of 50 pods and 30 policies (SEED=${seed})`, async () => {
    const random = seeded(seed)
    for (let round = 0; round < 1; round++) {
      const model = randomCluster(random, { pods: 50, policies: 30, clusterPolicies: 8 })
      const told = new ToldCluster(model)
      told.tellAll()
      for (const name of NODES) {
        expect(differences(model, await start(told, name), name)).to.deep.equal([])
      }
    }
  })
})

/** Network policy judged by real packets through a real kernel, against the model of the API's text. */
import { openKernel } from '@podroute/kernel/open.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { type End, mayTalk } from '@podroute/network-policy/testing/model.ts'
import {
  type MutableCluster,
  OUTSIDE,
  PORTS,
  PROTOCOLS,
  randomChange,
  randomCluster,
} from '@podroute/network-policy/testing/random-cluster.ts'
import { ToldCluster } from '@podroute/network-policy/testing/told-cluster.ts'
import { seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { type Probe, probeKey } from '../support/packet-probe.ts'
import { PolicyNetwork } from './policy-network.ts'

const NODE = 'node-1'

/** Every packet that may be tried, and which of them the model lets through. */
function probesOf(cluster: MutableCluster) {
  const probes: Probe[] = []
  const allowed = new Set<string>()
  for (const family of [0, 1]) {
    const ends: End[] = [
      ...cluster.pods.map((pod) => ({ pod, address: pod.addresses[family]! })),
      { address: OUTSIDE[family]! },
    ]
    for (const from of ends)
      for (const to of ends)
        for (const protocol of PROTOCOLS)
          for (const port of PORTS) {
            if (from === to) continue
            const probe = { from: from.address, to: to.address, protocol, port }
            probes.push(probe)
            if (mayTalk(cluster, { from, to, protocol, port }, NODE)) allowed.add(probeKey(probe))
          }
  }
  return { probes, allowed }
}

describe('network policy on a real kernel', function () {
  this.timeout(120_000)
  const seed = testSeed()

  it(`lets through what the model does, at first and after each of 200 changes (SEED=${seed})`, async () => {
    const random = seeded(seed)
    const model = randomCluster(random, { pods: 7, policies: 7, clusterPolicies: 4 })
    const hosts = [...model.pods, { name: 'outside', addresses: OUTSIDE }]
    using network = await PolicyNetwork.create('pr-policy', hosts)
    using kernel = openKernel({ netns: network.node })
    const told = new ToldCluster(model)
    told.tellAll()
    await using enforcement = new Enforcement({ nodeName: NODE, cluster: told.state, kernel })
    const { state } = told
    state.subscribe('networkpolicies', {
      changed: (key, a, b) => enforcement.policyChanged(key, a, b),
      synced() {},
    })
    state.subscribe('clusternetworkpolicies', { changed: () => enforcement.clusterChanged(), synced() {} })
    state.subscribe('namespaces', { changed: (key) => enforcement.namespaceChanged(key), synced() {} })
    state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
    await enforcement.adopt()
    await enforcement.synced()
    let kept = 0
    const check = async (when: string) => {
      const { probes, allowed } = probesOf(model)
      const arrived = await network.arriving(probes, allowed)
      const wrong = [...arrived].filter((key) => !allowed.has(key))
      const missing = [...allowed].filter((key) => !arrived.has(key))
      expect(wrong, `${when}: let through`).to.deep.equal([])
      expect(missing, `${when}: kept out`).to.deep.equal([])
      kept += probes.length - allowed.size
    }
    await check('at first')
    for (let step = 1; step <= 200; step++) {
      const change = randomChange(random, model)
      told.tell(change)
      await enforcement.flush()
      await check(`change ${step}, ${JSON.stringify(change)}`)
      if (step % 10 === 0)
        expect(await enforcement.audit(), 'as the kernel lists it').to.deep.equal(new Map())
    }
    expect(kept, 'packets kept out').to.be.greaterThan(0)
    await enforcement.cleanup()
    expect(await kernel.nft.show('list tables inet')).not.to.include('podroute')
  })
})

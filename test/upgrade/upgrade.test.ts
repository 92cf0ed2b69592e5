/** The agents of an earlier commit, upgraded to the present ones and rolled back, by `kubectl apply` under traffic: nothing is lost. */
import { expect } from 'chai'
import { startLab, stopLab } from '../../lab/lifecycle.ts'
import { prepare } from '../../lab/prepare.ts'
import { Progress } from '../../lab/progress.ts'
import { createBlue } from '../../lab/scenarios/blue.ts'
import { apply, attemptKubectl, kubectl, kubectlJson, pods, waitFor } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE, podrouteManifests, waitForAgents } from '../../lab/scenarios/podroute.ts'
import { kernelRoutes } from '../../lab/scenarios/routing.ts'
import { curlFromPod, urlOf } from '../../lab/scenarios/traffic.ts'
import { newAgents } from '../cluster/agents.ts'
import { packetsOver } from '../cluster/hitless.ts'
import { agents, onNode } from '../cluster/lab.ts'
import { expectNothingLost, LOAD, startLoadPods, underLoad } from '../cluster/load.ts'
import type { Load } from '../ipvs/support/load.ts'
import { buildFormer, type Former } from './former.ts'

const NODE = 'node-2'
/** Requests a second of each of two clients, beside 200 packets: what a node that starts containers meanwhile can bear. */
const RATE = 40

/**
 * Share of the packets among pods that two virtual machines of one processor may lose where the machine beneath has other work: none of 1,600
 * at a load of 4, 6 of 4,700 at a load of 9, in bursts of one to seven (`hitless.ts` says where).
 */
const OF_MACHINE = 0.01

/** Virtual servers with their endpoints, without counters; those that drain have no weight. */
async function ipvsTable(): Promise<string[]> {
  const lines = (await onNode(NODE, 'cat /proc/net/ip_vs')).split('\n').map((line) => line.split(/\s+/))
  return lines
    .filter(([, arrow, , , weight]) => arrow !== '->' || weight !== '0')
    .map((words) => words.slice(0, 5).join(' '))
    .sort()
}

async function images(): Promise<readonly string[]> {
  const { items } = await kubectlJson<{
    items: readonly { spec: { containers: readonly { image: string }[] } }[]
  }>(['get', 'pods', '-n', PODROUTE_NAMESPACE, '-l', 'app=podroute'])
  return [...new Set(items.flatMap(({ spec }) => spec.containers.map(({ image }) => image)))]
}

/** All agents become those of the manifests. */
async function become(manifests: readonly object[]): Promise<void> {
  const before = (await agents()).map(({ name }) => name)
  await apply(...manifests)
  await newAgents(before)
}

async function expectNothingLostOver(disturb: () => Promise<void>): Promise<void> {
  let loads: readonly Load[] = []
  const packets = await packetsOver(async () => {
    loads = await underLoad(NODE, disturb, RATE)
  })
  expectNothingLost(loads)
  const tooMany = packets.filter(
    ({ from, lost, answered }) => lost > (from === 'pod' ? OF_MACHINE * answered : 0),
  )
  expect(tooMany).to.deep.equal([])
}

/** A pod that starts now has its network: it asks pods of every node, by both families. */
async function expectNewPodsWork(): Promise<void> {
  await kubectl(['delete', 'pod', '-l', 'app=blue', '--wait=true'])
  const blue = await waitFor(
    'new pods of blue',
    () => pods('app=blue'),
    (found) => found.length === 5 && found.every(({ ready }) => ready),
    { timeout: 180_000 },
  )
  for (const { addresses } of blue)
    for (const address of addresses) await curlFromPod(NODE, urlOf(address, 8888))
  await expectNoOtherLeases()
}

/** Pods that plugins of another version gave their addresses have given them back. */
async function expectNoOtherLeases(): Promise<void> {
  const there = await Promise.all(['blue', 'client', LOAD].map((app) => pods(`app=${app}`)))
  const held = there.flat().flatMap(({ node, addresses }) => (node === NODE ? addresses : []))
  const leases = async () =>
    (await onNode(NODE, "ls /var/lib/cni/networks/podroute | grep -E '^[0-9]|:'")).trim().split('\n').sort()
  await waitFor('leases of the pods alone', leases, (found) => found.join() === held.toSorted().join())
}

describe('agents of an earlier commit', function () {
  this.timeout(600_000)
  let former: Former
  let routes: Awaited<ReturnType<typeof kernelRoutes>>
  let servers: string[]

  before('the lab with them', async function () {
    this.timeout(1_200_000)
    const progress = new Progress()
    former = await progress.step('build the earlier commit', buildFormer, ({ commit }) => commit)
    const prepared = await prepare(progress, { images: [former.archive] })
    await startLab(prepared, progress, {
      title: 'apply the earlier manifests',
      apply: () => apply(...former.manifests),
      wait: () => waitForAgents(),
    })
    await createBlue()
    await startLoadPods()
    routes = await kernelRoutes(NODE)
    servers = await ipvsTable()
  })
  after(stopLab)

  it('lose nothing when they are upgraded, and what they wrote into the kernel stays', async () => {
    const present = await podrouteManifests()
    await expectNothingLostOver(() => become(present))
    expect(await images()).to.deep.equal(['localhost/podroute:dev'])
    expect(await kernelRoutes(NODE)).to.deep.equal(routes)
    expect(await ipvsTable()).to.include.members(servers)
  })

  it('leave the upgraded with pods that start', expectNewPodsWork)

  it('lose nothing when they come back by a rollback', async () => {
    await expectNothingLostOver(() => become(former.manifests))
    expect(await images()).to.deep.equal(['localhost/podroute:former'])
    expect(await kernelRoutes(NODE)).to.deep.equal(routes)
  })

  it('have pods that start after it', expectNewPodsWork)

  it('lose nothing when they are upgraded again', async () => {
    const present = await podrouteManifests()
    await expectNothingLostOver(() => become(present))
    const said = await Promise.all(
      (await agents()).map(({ name }) =>
        attemptKubectl(['exec', '-n', PODROUTE_NAMESPACE, name, '-c', 'agent', '--', 'podroute', 'status']),
      ),
    )
    for (const { code, stdout, stderr } of said) expect(code, stdout + stderr).to.equal(0)
  })
})

/** An agent that is killed or upgraded while requests go on: nobody notices. Pods that are replaced: test/ipvs/rolling.test.ts. */
import { expect } from 'chai'
import { service } from '../../lab/scenarios/blue.ts'
import { apply, kubectl, waitFor } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE } from '../../lab/scenarios/podroute.ts'
import { frrRoutes, kernelRoutes } from '../../lab/scenarios/routing.ts'
import { newAgents, readyAgain } from './agents.ts'
import { agents, inAgent, onNode } from './lab.ts'
import { expectNothingLost, removeLoadPods, startLoadPods, underLoad } from './load.ts'

const NODE = 'node-2'
const REPAIR_MS = 1000
/** Of somebody else on that node: a virtual server with a destination, and a table. */
const STRANGER = '198.51.100.1'
const ADD_SERVER = `ipvsadm -A -t ${STRANGER}:1 -s wlc && ipvsadm -a -t ${STRANGER}:1 -r 198.51.100.2:1 -m -w 3`
const ADD_TABLE = `add table inet stranger; add chain inet stranger c { type filter hook input priority 5; }
  add rule inet stranger c tcp dport 1 drop`
/** By the agent's own nft: that of the nodes' image cannot read what the kubelet's iptables leave. */
const nft = async (...args: readonly string[]) => inAgent(await agent(), 'nft', ...args)
const strangers = async () =>
  (await onNode(NODE, `ipvsadm -Sn | grep ${STRANGER}`)) + (await nft('list', 'table', 'inet', 'stranger'))

/** Its ports once changed. */
const DAMAGED = [80, 81].map((port) => ({ name: `p${port}`, port, targetPort: 8888 }))

const agent = async () => (await agents()).find((pod) => pod.node === NODE)!
/** Virtual servers and destinations without their counters, each line once; endpoints that drain go when their time is over. */
async function ipvsTable(): Promise<string[]> {
  const lines = (await onNode(NODE, 'cat /proc/net/ip_vs'))
    .split('\n')
    .map((line) => line.split(/\s+/).slice(0, 5))
  const lasting = lines.filter(([, arrow, , , weight]) => arrow !== '->' || weight !== '0')
  return [...new Set(lasting.map((words) => words.join(' ')))].sort()
}

/** When the agent of the node said that Services are in place, in milliseconds since 1970. */
async function syncedAt(pod: string): Promise<number> {
  const log = await kubectl(['logs', '-n', PODROUTE_NAMESPACE, pod, '-c', 'agent'])
  const line = log.split('\n').findLast((text) => text.includes('Services are in place'))
  return Date.parse(line?.split(' ')[0] ?? '')
}

export function restarts(): void {
  describe('while requests go on', () => {
    let routes: Awaited<ReturnType<typeof kernelRoutes>>
    let servers: string[]
    let theirs: string
    let seenByRouter: number
    before(async () => {
      await startLoadPods()
      await apply({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'damaged' },
        spec: { selector: { app: 'blue' }, ports: DAMAGED.slice(0, 1) },
      })
      const { clusterIP } = await service('damaged')
      await waitFor(
        'Services in the kernel',
        () => onNode(NODE, 'ipvsadm -Ln'),
        (text) => text.includes(`${clusterIP}:80`) && text.includes(':8000'),
      )
      await onNode(NODE, ADD_SERVER)
      await nft(ADD_TABLE)
      theirs = await strangers()
      routes = await kernelRoutes(NODE)
      servers = await ipvsTable()
      seenByRouter = (await frrRoutes()).length
    })
    after(async () => {
      await removeLoadPods()
      await kubectl(['delete', 'service', 'damaged'])
      await onNode(NODE, `ipvsadm -D -t ${STRANGER}:1`)
      await nft('delete', 'table', 'inet', 'stranger')
    })

    it('an agent that is killed (SIGKILL) loses none, repairs what changed meanwhile, and nothing of others', async () => {
      const { clusterIP } = await service('damaged')
      const { restarts, name } = await agent()
      const there = (port: number) => `ipvsadm -Ln -t ${clusterIP}:${port} 2>/dev/null | grep -q :8888`
      const whole = `${there(80)} && ${there(81)} && ip route show table local | grep -q ${clusterIP}`
      const loads = await underLoad(NODE, async () => {
        await onNode(
          NODE,
          `pkill -9 -f "[/]opt/podroute/agent.cjs"
           ipvsadm -D -t ${clusterIP}:80 && ip route del local ${clusterIP} table local
           (until ${whole}; do sleep 0.1; done; date +%s%3N > /run/repaired) > /dev/null 2>&1 &`,
        )
        await kubectl(['patch', 'service', 'damaged', '-p', JSON.stringify({ spec: { ports: DAMAGED } })])
        expect(await kernelRoutes(NODE)).to.deep.equal(routes)
        await readyAgain(NODE, (pod) => pod.restarts === restarts + 1)
        await waitFor('repaired', () => onNode(NODE, 'cat /run/repaired'), Boolean, { timeout: 30_000 })
      })
      expectNothingLost(loads)
      const late = Number(await onNode(NODE, 'cat /run/repaired')) - (await syncedAt(name))
      process.stdout.write(`      repaired ${late} ms after the first sync\n`)
      expect(late).to.be.below(REPAIR_MS)
      expect(await kernelRoutes(NODE)).to.deep.equal(routes)
      const former = (await ipvsTable()).filter((line) => servers.includes(line))
      expect(former).to.deep.equal(servers)
      expect(await strangers()).to.equal(theirs)
      await waitFor('router’s routes', frrRoutes, (found) => found.length === seenByRouter)
    })

    it('an upgrade of the DaemonSet, on all nodes at once, loses none', async () => {
      const before = (await agents()).map(({ name }) => name)
      const template = { metadata: { annotations: { 'podroute.io/upgraded': 'yes' } } }
      const updateStrategy = { rollingUpdate: { maxUnavailable: '100%' } }
      const loads = await underLoad(NODE, async () => {
        const patch = JSON.stringify({ spec: { template, updateStrategy } })
        await kubectl(['patch', 'daemonset', 'podroute', '-n', PODROUTE_NAMESPACE, '-p', patch])
        await newAgents(before)
      })
      expectNothingLost(loads)
      expect(await kernelRoutes(NODE)).to.deep.equal(routes)
      expect(await strangers()).to.equal(theirs)
      await waitFor('router’s routes', frrRoutes, (found) => found.length === seenByRouter)
    })
  })
}

/** What `npm run lab` starts and shows, looked at from every side. */
import { expect } from 'chai'
import { CLUSTER_ASN, NODES, OUTSIDE, ROUTER } from '../../lab/addresses.ts'
import { BLUE_IMAGE } from '../../lab/images/pods.ts'
import { prepareKernel } from '../../lab/node/machine.ts'
import { BLUE_REPLICAS, service } from '../../lab/scenarios/blue.ts'
import { apply, kubectl, kubectlJson, nodes, pods, waitFor } from '../../lab/scenarios/cluster.ts'
import { frrPeers, frrRoutes, kernelRoutes } from '../../lab/scenarios/routing.ts'
import {
  countAnswers,
  curlFromNode,
  curlFromOutside,
  curlFromPod,
  OUTSIDE_PORT,
  parseAnswer,
  urlOf,
} from '../../lab/scenarios/traffic.ts'
import type { StatusReport } from '../../packages/agent/admin/reports.ts'
import type { PeersReport } from '../../packages/pod-network/pages.ts'
import { agents, inAgent, onNode } from './lab.ts'

const NAMES = NODES.map(({ name }) => name)
const AGENT_MEMORY_MB = 110

export function walkThrough(): void {
  describe('control plane', () => {
    it('is ready and gives every node a pod range of both families', async () => {
      expect(await kubectl(['get', '--raw', '/readyz'])).to.equal('ok')
      const ranges = (await nodes()).map(({ podCIDRs }) => podCIDRs)
      expect(ranges.map((pair) => pair.length)).to.deep.equal([2, 2, 2])
      for (const [ipv4, ipv6] of ranges) {
        expect(ipv4).to.match(/^10\.244\.\d+\.0\/24$/)
        expect(ipv6).to.match(/^fd10:244:.*\/64$/)
      }
      expect(new Set(ranges.flat()).size).to.equal(6)
    })
  })

  describe('nodes', () => {
    it('are Ready, with a kernel of their own, containerd and kubelet', async () => {
      interface Info {
        readonly items: readonly {
          status: {
            nodeInfo: { kubeletVersion: string; containerRuntimeVersion: string; kernelVersion: string }
          }
        }[]
      }
      expect((await nodes()).map(({ name, ready }) => [name, ready])).to.deep.equal(
        NAMES.map((name) => [name, true]),
      )
      const { items } = await kubectlJson<Info>(['get', 'nodes'])
      const { version } = await prepareKernel()
      for (const { status } of items) {
        expect(status.nodeInfo.kubeletVersion).to.match(/^v1\.35\./)
        expect(status.nodeInfo.containerRuntimeVersion).to.match(/^containerd:/)
        expect(status.nodeInfo.kernelVersion).to.equal(version)
      }
    })

    it('had no CNI configuration but the one that the agent wrote, after the plugins were there', async () => {
      for (const name of NAMES) {
        expect((await onNode(name, 'ls /etc/cni/net.d')).trim()).to.equal('10-podroute.conflist')
        const times = await onNode(name, 'stat -c %Y /opt/cni/bin/bridge /etc/cni/net.d/10-podroute.conflist')
        const [plugin, conflist] = times.trim().split('\n').map(Number)
        expect(conflist).to.be.at.least(plugin!)
      }
    })

    it('have the CNI configuration filled with their own pod ranges', async () => {
      for (const { name, podCIDRs } of await nodes()) {
        const text = await onNode(name, 'cat /etc/cni/net.d/10-podroute.conflist')
        const { plugins } = JSON.parse(text) as {
          plugins: readonly {
            type: string
            bridge?: string
            ipam?: { ranges: readonly { subnet: string }[][] }
          }[]
        }
        expect(plugins[0]).to.include({ type: 'bridge', bridge: 'kube-bridge' })
        expect(plugins[0]!.ipam!.ranges.flat().map(({ subnet }) => subnet)).to.have.members([...podCIDRs])
      }
    })
  })

  describe('agents', () => {
    it('run on every node and are ready', async () => {
      expect((await agents()).map(({ node, ready }) => [node, ready])).to.deep.equal(
        NAMES.map((name) => [name, true]),
      )
    })

    it('reach the API server without a ClusterIP', async () => {
      for (const agent of await agents()) {
        const status = JSON.parse(await inAgent(agent, 'podroute', 'status', '--json')) as StatusReport
        expect(status.apiServer).to.equal('https://172.30.0.1:6443')
      }
    })

    it('peer with every other node and with the router', async () => {
      for (const agent of await agents()) {
        const { peers } = JSON.parse(await inAgent(agent, 'podroute', 'peers', '--json')) as PeersReport
        const others = NODES.filter(({ name }) => name !== agent.node).map(({ ipv4 }) => ipv4)
        const up = peers.filter(({ state }) => state === 'established').map(({ address }) => address)
        expect(up).to.have.members([...others, ROUTER.ipv4])
      }
    })

    it('answer kubectl logs and kubectl exec', async () => {
      const [agent] = await agents()
      expect(await kubectl(['logs', '-n', 'kube-system', agent!.name, '-c', 'agent'])).to.match(/\S/)
      expect(await inAgent(agent!, 'podroute', 'status')).to.include(agent!.node)
    })

    it(`stay below ${AGENT_MEMORY_MB} MB of memory`, async () => {
      for (const agent of await agents()) {
        const status = JSON.parse(await inAgent(agent, 'podroute', 'status', '--json')) as StatusReport
        process.stdout.write(`      ${agent.node}: agent RSS ${Math.round(status.rss / 1e6)} MB\n`)
        expect(status.rss / 1e6).to.be.at.most(AGENT_MEMORY_MB)
      }
    })
  })

  describe('routes', () => {
    for (const family of [4, 6] as const) {
      it(`lead to every pod range, the own one on kube-bridge, IPv${family}`, async () => {
        const all = await nodes()
        const cidr = (name: string) => all.find((node) => node.name === name)!.podCIDRs[family === 4 ? 0 : 1]!
        for (const { name } of NODES) {
          const routes = await kernelRoutes(name, family)
          const own = routes.find(({ dst }) => dst === cidr(name))
          expect(own, `${name}: own range`).to.include({ dev: 'kube-bridge' })
          for (const other of NODES.filter((node) => node.name !== name)) {
            const route = routes.find(({ dst }) => dst === cidr(other.name))
            const gateway = family === 4 ? other.ipv4 : other.ipv6
            expect(route, `${name}: range of ${other.name}`).to.include({ gateway, protocol: '179' })
          }
        }
      })
    }

    it('reach the router outside the cluster over eBGP, both families', async () => {
      const ranges = (await nodes()).flatMap(({ podCIDRs }) => podCIDRs)
      const learned = [...(await frrRoutes('ipv4')), ...(await frrRoutes('ipv6'))]
      expect(learned.map(({ prefix }) => prefix)).to.have.members(ranges)
      for (const { asPath } of learned) expect(asPath).to.equal(String(CLUSTER_ASN))
      for (const { state } of await frrPeers()) expect(state).to.equal('Established')
    })
  })

  describe('pods', () => {
    it('reach each other across nodes with their own addresses, both families', async () => {
      const clients = await pods('app=client')
      for (const blue of await pods('app=blue')) {
        const client = clients.find(({ node }) => node !== blue.node)!
        for (const [family, address] of blue.addresses.entries()) {
          const answer = await curlFromPod(client.node, urlOf(address, 8888))
          expect(answer).to.include({ pod: blue.name, client: client.addresses[family] })
        }
      }
    })

    it('are reached from outside through the router', async () => {
      const [blue] = await pods('app=blue')
      for (const address of blue!.addresses) {
        expect((await curlFromOutside(urlOf(address, 8888))).pod).to.equal(blue!.name)
      }
    })

    it('are reached by their hostPort on the node, both families', async () => {
      const [node] = NODES
      await apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'host-port' },
        spec: {
          nodeName: node!.name,
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'blue',
              image: BLUE_IMAGE,
              imagePullPolicy: 'Never',
              ports: [{ containerPort: 8888, hostPort: 18888 }],
            },
          ],
        },
      })
      for (const address of [node!.ipv4, node!.ipv6]) {
        const answer = await waitFor(
          'hostPort',
          () => curlFromOutside(urlOf(address, 18888)),
          () => true,
          { timeout: 60_000 },
        )
        expect(answer.pod).to.equal('host-port')
      }
      await kubectl(['delete', 'pod', 'host-port'])
      const gone = () =>
        curlFromOutside(urlOf(node!.ipv4, 18888)).then(
          () => false,
          () => true,
        )
      await waitFor('mapping removed', gone, Boolean, { timeout: 30_000 })
    })

    it('leave the cluster with the node’s address', async () => {
      for (const { name, ipv4, ipv6 } of NODES) {
        expect((await curlFromPod(name, urlOf(OUTSIDE.ipv4, OUTSIDE_PORT))).client).to.equal(ipv4)
        expect((await curlFromPod(name, urlOf(OUTSIDE.ipv6, OUTSIDE_PORT))).client).to.equal(ipv6)
      }
    })
  })

  describe('service blue', () => {
    const even = (counts: ReadonlyMap<string, number>, times: number) => {
      expect([...counts.values()]).to.deep.equal(Array(BLUE_REPLICAS).fill(times))
    }

    it('goes round robin from a node', async () => {
      const { clusterIP, port } = await service('blue')
      for (const { name } of NODES) {
        even(await countAnswers(2 * BLUE_REPLICAS, () => curlFromNode(name, urlOf(clusterIP, port))), 2)
      }
    })

    it('goes round robin from a pod, which keeps its own address', async () => {
      const { clusterIP, port } = await service('blue')
      const [client] = await pods('app=client')
      const seen = new Set<string>()
      const ask = async () => {
        const answer = await curlFromPod(client!.node, urlOf(clusterIP, port))
        seen.add(answer.client)
        return answer
      }
      even(await countAnswers(2 * BLUE_REPLICAS, ask), 2)
      expect([...seen]).to.deep.equal([client!.addresses[0]])
    })

    it('answers on its NodePort of every node from outside', async () => {
      const { nodePort } = await service('blue-nodeport')
      for (const { ipv4 } of NODES) {
        even(await countAnswers(BLUE_REPLICAS, () => curlFromOutside(urlOf(ipv4, nodePort!))), 1)
      }
    })

    it('lets a pod reach itself', async () => {
      const [blue] = await pods('app=blue')
      await kubectl(['label', 'pod', blue!.name, 'lab=myself'])
      await apply({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'myself' },
        spec: { selector: { lab: 'myself' }, ports: [{ port: 80, targetPort: 8888 }] },
      })
      const { clusterIP } = await service('myself')
      const url = urlOf(clusterIP, 80)
      const ask = () => kubectl(['exec', blue!.name, '--', 'fetch', '-timeout=5s', url])
      const { pod, client } = parseAnswer(
        await waitFor('hairpin', ask, (text) => text !== '', { timeout: 30_000 }),
      )
      expect(pod).to.equal(blue!.name)
      expect(blue!.addresses).not.to.include(client)
      await kubectl(['delete', 'service', 'myself'])
    })
  })
}

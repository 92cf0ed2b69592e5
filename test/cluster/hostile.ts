/** What tenants and nodes may write, and what it must not take from the others: addresses that belong to somebody. */
import { expect } from 'chai'
import { API_ADDRESS, NODES, OUTSIDE, OUTSIDE_GATEWAY, ROUTER } from '../../lab/addresses.ts'
import { service } from '../../lab/scenarios/blue.ts'
import { kubectl, waitFor } from '../../lab/scenarios/cluster.ts'
import { curlFromNode, curlFromPod, OUTSIDE_PORT, urlOf } from '../../lab/scenarios/traffic.ts'
import { agents, inAgent, onNode } from './lab.ts'

/** Nobody’s. */
const FREE = '203.0.113.77'

const patchStatus = (kind: string, name: string, status: object) =>
  kubectl(['patch', kind, name, '--type=merge', '--subresource=status', '-p', JSON.stringify({ status })])

const localRoutes = (node: string) => onNode(node, 'ip route show table local proto 179')

async function stillServes(name: string): Promise<void> {
  await kubectl(['create', 'service', 'clusterip', name, '--tcp=80:8888'])
  await kubectl(['set', 'selector', 'service', name, 'app=blue'])
  const { clusterIP } = await service(name)
  for (const node of NODES)
    await waitFor(
      `a new Service on ${node.name}`,
      () => curlFromNode(node.name, urlOf(clusterIP, 80)),
      ({ pod }) => pod.startsWith('blue-'),
      { timeout: 30_000 },
    )
  await kubectl(['delete', 'service', name])
}

export function hostile(): void {
  describe('a Service whose status asks for the addresses of the API server and the router', () => {
    it('gets none of them on any node, is told so, and gets the one that is nobody’s', async () => {
      await kubectl(['create', 'service', 'loadbalancer', 'greedy', '--tcp=6443:8888'])
      await kubectl(['set', 'selector', 'service', 'greedy', 'app=blue'])
      const taken = [API_ADDRESS, ROUTER.ipv4]
      const ingress = [...taken, OUTSIDE_GATEWAY.ipv4, FREE].map((ip) => ({ ip }))
      await patchStatus('service', 'greedy', { loadBalancer: { ingress } })
      for (const { name } of NODES) {
        const routes = await waitFor(
          `the free address on ${name}`,
          () => localRoutes(name),
          (text) => text.includes(`local ${FREE} `),
          { timeout: 30_000 },
        )
        for (const address of taken) expect(routes, name).to.not.include(`local ${address} `)
      }
      await stillServes('beside-greedy')
      const events = await waitFor(
        'Events about the refused addresses',
        () =>
          kubectl([
            'get',
            'events',
            '--field-selector=reason=AddressRefused',
            '-o',
            'jsonpath={.items[*].message}',
          ]),
        (text) => taken.every((address) => text.includes(`${address}: `)),
        { timeout: 30_000 },
      )
      expect(events).to.include(`${API_ADDRESS}: the address of the API server`)
      await kubectl(['delete', 'service', 'greedy'])
    })
  })

  describe('a Node whose status claims ClusterIPs', () => {
    it('takes none of them from the other nodes', async () => {
      const { clusterIP, port } = await service('blue')
      const { clusterIP: kubernetes } = await service('kubernetes')
      const [first, , third] = NODES
      const claims = [third!.ipv4, clusterIP, kubernetes].map((address) => ({ type: 'InternalIP', address }))
      await patchStatus('node', third!.name, { addresses: claims })
      await stillServes('beside-claims')
      const routes = await localRoutes(first!.name)
      for (const address of [clusterIP, kubernetes]) expect(routes).to.include(`local ${address} `)
      expect((await curlFromNode(first!.name, urlOf(clusterIP, port))).pod).to.match(/^blue-/)
    })
  })

  describe('a Node whose status claims what is not its own beside its address', () => {
    const CLAIMS = ['8.8.8.8', '169.254.1.1', API_ADDRESS, ROUTER.ipv4, OUTSIDE.ipv4]
    /** By the agent's own nft, of one table: on a node of the lab another list ends with a fault of nft (1.0.6). */
    const nodesSet = async (node: string) => {
      const agent = (await agents()).find((pod) => pod.node === node)
      const table = await inAgent(agent!, 'nft', 'list', 'table', 'inet', 'podroute-pod-network')
      return /set nodes-4 \{[^}]*elements = \{([^}]*)\}/
        .exec(table)![1]!
        .trim()
        .split(/[\s,]+/)
    }
    const seenOutside = async (node: string) =>
      (await curlFromPod(node, urlOf(OUTSIDE.ipv4, OUTSIDE_PORT))).client

    it('takes no masquerading to it from the pods of the others, and the Node is told', async () => {
      const [first, , third] = NODES
      const addresses = [third!.ipv4, ...CLAIMS].map((address) => ({ type: 'InternalIP', address }))
      await patchStatus('node', third!.name, { addresses })
      const events = () =>
        kubectl([
          'get',
          'events',
          '--field-selector=reason=NodeAddressRefused',
          '-o',
          'jsonpath={.items[*].message}',
        ])
      const text = await waitFor('an Event', events, (said) => said.includes(ROUTER.ipv4), {
        timeout: 30_000,
      })
      expect(text).to.include(`${API_ADDRESS}: the address of the API server`)
      expect(text).to.include(`${ROUTER.ipv4}: the address of a BGP peer`)
      const set = await nodesSet(first!.name)
      for (const { ipv4 } of NODES) expect(set).to.include(ipv4)
      for (const address of CLAIMS) expect(set, address).to.not.include(address)
      expect(await seenOutside(first!.name)).to.equal(first!.ipv4)
      await stillServes('beside-more-claims')
    })
  })
}

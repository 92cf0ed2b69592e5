/** Virtual servers that kube-proxy's IPVS mode left: with takeOver they become ours under traffic, with their connections. */
import { isOurs } from '@podroute/kernel/ipvs/keys.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { ask, serve } from './support/load.ts'
import { A4, C4, type Network, NODE } from './support/network.ts'
import { sharedNetwork, startProxy } from './support/shared-network.ts'

const CLUSTER_IP = '10.96.0.90'
const NODE_PORT = 30090
const PORT = 8000
/** Requests a second of each client, every other one on a connection of its own. */
const RATE = 100
/** An endpoint that went before ours came. */
const GONE = '10.244.1.99'

/** As kube-proxy leaves it: no flags, its own interface with the address, masquerading by the mark 0x4000. */
const LEFT = `
modprobe -a ip_vs ip_vs_rr nf_conntrack br_netfilter
sysctl -qw net.bridge.bridge-nf-call-iptables=1
ip link add kube-ipvs0 type dummy
ip addr add ${CLUSTER_IP}/32 dev kube-ipvs0
sysctl -qw net.ipv4.vs.conntrack=1
iptables -t nat -A PREROUTING -p tcp -d ${NODE.v4} --dport ${NODE_PORT} -j MARK --or-mark 0x4000
iptables -t nat -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
for server in ${CLUSTER_IP}:80 ${NODE.v4}:${NODE_PORT}; do
  ipvsadm -A -t $server -s rr
  for endpoint in ${A4} ${C4}; do ipvsadm -a -t $server -r $endpoint:${PORT} -m; done
done
ipvsadm -a -t ${CLUSTER_IP}:80 -r ${GONE}:${PORT} -m -w 0
`
const CLEAN = `
ip link delete kube-ipvs0
iptables -t nat -D PREROUTING -p tcp -d ${NODE.v4} --dport ${NODE_PORT} -j MARK --or-mark 0x4000
iptables -t nat -D POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
`

describe('virtual servers that another proxy left', () => {
  const stack = new AsyncDisposableStack()
  let network: Network
  const node = (script: string) => network.exec('node', 'sh', '-ec', script)

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    for (const pod of [network.podA, network.other]) {
      const address = pod === network.podA ? A4 : C4
      const target = { namespace: pod.namespace, address, port: PORT }
      stack.use(await serve(target, { name: pod.name, quietMs: 300 }))
    }
    stack.defer(async () => void (await node(`${CLEAN}ipvsadm -C`).catch(() => {})))
    await node(LEFT)
  })
  after(() => stack.disposeAsync())

  it('become ours, and what was left goes, without the loss of a request', async () => {
    const kernel = stack.use(openKernel({ netns: network.namespace }))
    const targets = [
      { namespace: network.podB.namespace, address: CLUSTER_IP, port: 80 },
      { namespace: network.client.namespace, address: NODE.v4, port: NODE_PORT },
    ]
    const clients = await Promise.all(targets.map((target) => ask(target, RATE)))
    try {
      const proxy = await startProxy(stack, network, { takeOver: true, auditPause: 1000 })
      const ports = [{ port: 80, nodePort: NODE_PORT, protocol: 'TCP' }]
      proxy.upsertService(service('left', { type: 'NodePort', clusterIP: CLUSTER_IP, ports }))
      proxy.upsertSlice(slice('left', [A4, C4], [{ port: PORT, protocol: 'TCP' }]))
      await proxy.flush()
      const servers = await kernel.ipvs.servers()
      expect(servers.filter((server) => !isOurs(server))).to.deep.equal([])
      expect(servers).to.have.length(2)
      await node(CLEAN)
      const endpoints = async () => {
        const found = await Promise.all(servers.map((server) => kernel.ipvs.destinations(server)))
        return found.flat().map(({ address }) => address)
      }
      await eventually(async () => expect((await endpoints()).sort()).to.deep.equal([A4, A4, C4, C4]), 30_000)
    } finally {
      for (const load of await Promise.all(clients.map((client) => client.stop())))
        expect(load, JSON.stringify(load)).to.include({ failed: 0, resets: 0, answered: load.sent })
    }
  })
})

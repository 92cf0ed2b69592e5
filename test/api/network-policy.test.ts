/** NetworkPolicies of a real API server, enforced by real agents on packets between pods behind their bridges, on one node and on two. */
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { type ProbeProtocol, Prober, probeKey } from '../support/packet-probe.ts'

interface TestPod {
  readonly namespace: string
  readonly name: string
  readonly netns: string
  readonly addresses: readonly string[]
  readonly prober: Prober
}

/** A packet that has not arrived after so long was dropped, in milliseconds: it takes about 0.1. */
const WAY = 150

const CRD = new URL('../../deploy/clusternetworkpolicies.yaml', import.meta.url).pathname
const TABLE = 'podroute-network-policy'

describe('network policies of a real API server', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  let server: TestPod
  let near: TestPod
  let far: TestPod
  let foreign: TestPod
  const stack = new DisposableStack()
  let sourcePort = 40_000

  /** A pod without a kubelet: an object, and a namespace behind the bridge of its node. */
  const addPod = async (
    node: TestNode,
    number: number,
    pod: { namespace: string; name: string; app: string; ports?: object[] },
  ): Promise<TestPod> => {
    const { namespace, name, app, ports = [] } = pod
    const prefixes = await cluster.allocated(node)
    const netns = `${node.netns}-p${number}`
    removeNetns(netns)
    createNetns(netns)
    stack.defer(() => removeNetns(netns))
    const at = (prefix: string, host: string) =>
      prefix.replace(/(\.0|:)\/\d+$/, (_, end) => `${end === ':' ? ':' : '.'}${host}`)
    const script = [
      `ip link add pod${number} netns ${node.netns} type veth peer name eth0 netns ${netns}`,
      `ip -n ${node.netns} link set pod${number} master kube-bridge up`,
      `ip -n ${netns} link set lo up`,
      `ip -n ${netns} link set eth0 up`,
      ...prefixes.flatMap((prefix) => [
        `ip -n ${netns} addr add ${at(prefix, String(number))}/${prefix.split('/')[1]} dev eth0 ${prefix.includes(':') ? 'nodad' : ''}`,
        `ip -n ${netns} route add default via ${at(prefix, '1')}`,
      ]),
    ]
    await run('sh', ['-ec', script.join('\n')])
    const addresses = prefixes.map((prefix) => at(prefix, String(number)))
    const container = { name: 'c', image: 'none', ports }
    const spec = { nodeName: node.name, automountServiceAccountToken: false, containers: [container] }
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, labels: { app } }, spec }
    // The ServiceAccount of a new namespace comes a moment after it.
    await eventually(() => cluster.apply(object).then(() => true))
    await cluster.podRuns(name, addresses, namespace)
    return { namespace, name, netns, addresses, prober: stack.use(new Prober(netns)) }
  }

  /** Whether first packets arrive, in both families: they must agree. */
  const may = async (from: TestPod, to: TestPod, port = 80, protocol: ProbeProtocol = 'TCP') => {
    const verdicts: boolean[] = []
    for (const family of [0, 1]) {
      const probe = { from: from.addresses[family]!, to: to.addresses[family]!, protocol, port }
      sourcePort = sourcePort === 60_000 ? 40_000 : sourcePort + 1
      from.prober.send(probe, sourcePort)
      const end = performance.now() + WAY
      let arrived = false
      while (!arrived && performance.now() < end) {
        arrived = to.prober.received(sourcePort).includes(probeKey(probe))
        await new Promise((resolve) => setImmediate(resolve))
      }
      verdicts.push(arrived)
    }
    expect(verdicts[0], 'of both families').to.equal(verdicts[1])
    return verdicts[0]!
  }

  /** Each `expected` as it is once the agents know. */
  const becomes = (...expected: (readonly [TestPod, TestPod, boolean, number?, ProbeProtocol?])[]) =>
    eventually(async () => {
      for (const [from, to, allowed, port, protocol] of expected)
        expect(await may(from, to, port, protocol), `${from.name} to ${to.name} ${port}`).to.equal(allowed)
      return true
    }, 10_000)

  const apply = (name: string, spec: object, namespace = 'shop') =>
    cluster.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace, name },
      spec,
    })
  const remove = (name: string) => cluster.kubectl('-n', 'shop', 'delete', 'networkpolicy', name)
  const label = (kind: string, name: string, text: string) =>
    cluster.kubectl('-n', 'shop', 'label', '--overwrite', kind, name, text)
  const app = (name: string) => ({ podSelector: { matchLabels: { app: name } } })
  const tables = (node: TestNode) => cluster.exec(node, 'nft', 'list', 'tables', 'inet')
  const kinds = async (node: TestNode) => (await cluster.ask(node, '/status')).watches.map(({ name }) => name)

  before(async () => {
    cluster = await AgentCluster.start('policies')
    await cluster.kubectl('apply', '--server-side', '-f', CRD)
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) await cluster.registerNode(node, { ready: true })
    for (const node of [one, two]) await cluster.startAgent(node)
    for (const name of ['shop', 'bank']) await cluster.kubectl('create', 'namespace', name)
    for (const node of [one, two])
      await eventually(async () => (await cluster.routes(node)).length === 2, 30_000)
    const ports = [
      { name: 'web', containerPort: 80 },
      { name: 'dns', containerPort: 53, protocol: 'UDP' },
    ]
    server = await addPod(one, 10, { namespace: 'shop', name: 'server', app: 'server', ports })
    near = await addPod(one, 11, { namespace: 'shop', name: 'near', app: 'client' })
    far = await addPod(two, 12, { namespace: 'shop', name: 'far', app: 'other' })
    foreign = await addPod(two, 13, { namespace: 'bank', name: 'foreign', app: 'client' })
  })
  after(async () => {
    stack.dispose()
    await cluster?.[Symbol.asyncDispose]()
  })

  it('cost nothing where there are none', async () => {
    await becomes([near, server, true], [far, server, true], [foreign, server, true])
    for (const node of [one, two]) {
      expect(await tables(node)).not.to.include(TABLE)
      expect(await kinds(node)).not.to.include('pods')
    }
  })

  it('deny what nothing allows, and leave other pods alone', async () => {
    await apply('deny', { podSelector: { matchLabels: { app: 'server' } } })
    await becomes([near, server, false], [far, server, false], [foreign, server, false])
    expect(await may(server, far), 'the other direction').to.equal(true)
    expect(await may(far, near), 'another pod').to.equal(true)
    expect(await tables(one)).to.include(TABLE)
    expect(await tables(two), 'no pod of it is selected').not.to.include(TABLE)
  })

  it('let the node itself in, and replies out', async () => {
    for (const address of server.addresses) {
      const listen = run('ip', ['netns', 'exec', server.netns, 'timeout', '20', 'nc', '-l', address, '80'])
      await eventually(() => cluster.exec(one, 'nc', '-w', '2', '-N', address, '80').then(() => true))
      await listen
    }
    const echo = run('ip', ['netns', 'exec', far.netns, 'timeout', '20', 'nc', '-l', '80'])
    await eventually(() =>
      run('ip', ['netns', 'exec', server.netns, 'nc', '-w', '2', '-N', far.addresses[0]!, '80']).then(
        () => true,
      ),
    )
    await echo
  })

  it('allow by label, as it is now', async () => {
    await apply('clients', { ...app('server'), ingress: [{ from: [app('client')] }] })
    await becomes([near, server, true], [far, server, false], [foreign, server, false])
    await label('pod', 'far', 'app=client')
    await becomes([far, server, true])
    await label('pod', 'far', 'app=other')
    await becomes([far, server, false], [near, server, true])
  })

  it('allow by the labels of namespaces, as they are now', async () => {
    const from = [{ namespaceSelector: { matchLabels: { team: 'red' } }, ...app('client') }]
    await apply('clients', { ...app('server'), ingress: [{ from }] })
    await becomes([near, server, false], [foreign, server, false])
    await label('namespace', 'bank', 'team=red')
    await becomes([foreign, server, true], [near, server, false])
    await label('namespace', 'bank', 'team=blue')
    await becomes([foreign, server, false])
  })

  it('allow ports by number, range, name and protocol', async () => {
    const ports = [
      { port: 'web' },
      { port: 79, endPort: 79 },
      { protocol: 'UDP', port: 'dns' },
      { protocol: 'SCTP', port: 80 },
    ]
    await apply('clients', { ...app('server'), ingress: [{ ports }] })
    await becomes([far, server, true, 80], [far, server, true, 79], [far, server, true, 53, 'UDP'])
    await becomes([far, server, true, 80, 'SCTP'])
    await becomes([far, server, false, 81], [far, server, false, 53], [far, server, false, 80, 'UDP'])
    await becomes([far, server, false, 79, 'SCTP'])
  })

  it('allow blocks without their exceptions', async () => {
    const hosts = (pod: TestPod) =>
      pod.addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}`)
    const from = ['0.0.0.0/0', '::/0'].map((cidr, family) => ({
      ipBlock: { cidr, except: [hosts(far)[family]!] },
    }))
    await apply('clients', { ...app('server'), ingress: [{ from }] })
    await becomes([near, server, true], [foreign, server, true], [far, server, false])
    await apply('clients', {
      ...app('server'),
      ingress: [{ from: hosts(far).map((cidr) => ({ ipBlock: { cidr } })) }],
    })
    await becomes([near, server, false], [foreign, server, false], [far, server, true])
  })

  it('hold egress, to pods of the same node and of others, and to names of ports', async () => {
    await remove('deny')
    await remove('clients')
    await becomes([far, server, true])
    const spec = { ...app('client'), policyTypes: ['Egress'] }
    await apply('out', spec)
    await becomes([near, server, false], [near, far, false])
    expect(await may(far, near), 'the other direction').to.equal(true)
    expect(await may(foreign, server), 'another namespace').to.equal(true)
    await apply('out', { ...spec, egress: [{ to: [app('server')], ports: [{ port: 'web' }] }] })
    await becomes([near, server, true], [near, far, false], [near, server, false, 81])
    await apply('out', { ...spec, egress: [{ to: [{ namespaceSelector: {} }] }] })
    await becomes([near, server, true], [near, far, true], [near, foreign, true, 443])
  })

  it('are shown, and go on judging while no agent runs, and with the next one', async () => {
    await apply('out', { ...app('client'), policyTypes: ['Egress'] })
    await becomes([near, server, false])
    const shown = async () => (await cluster.podroute(one, 'policy')).stdout
    await eventually(async () => /^shop\/near +\S+ \S+ +all +out +in place$/m.test(await shown()))
    await cluster.killAgent(one)
    expect(await may(near, server)).to.equal(false)
    await cluster.startAgent(one)
    await eventually(async () => /^shop\/near .* in place$/m.test(await shown()), 30_000)
    expect(await may(near, server)).to.equal(false)
  })

  it('are no more when the feature is switched off, and are again', async () => {
    await cluster.configure(one, agentConfig(cluster.conflist(one), 'networkPolicy: { enabled: false }'))
    await becomes([near, server, true])
    await eventually(async () => !(await tables(one)).includes(TABLE))
    await cluster.configure(one)
    await becomes([near, server, false])
  })

  it('of the whole cluster decide before those of a namespace, and after them', async () => {
    await apply('out', { ...app('client'), policyTypes: ['Egress'] })
    const ofCluster = (name: string, spec: object) =>
      cluster.apply({
        ...{
          apiVersion: 'policy.networking.k8s.io/v1alpha2',
          kind: 'ClusterNetworkPolicy',
          metadata: { name },
        },
        spec: { subject: { namespaces: {} }, ...spec },
      })
    const everybody = [{ namespaces: {} }]
    await becomes([near, server, false], [foreign, server, true])
    await ofCluster('admin', {
      ...{ tier: 'Admin', priority: 7 },
      egress: [
        { action: 'Accept', to: everybody, protocols: [{ tcp: { destinationPort: { number: 80 } } }] },
        {
          action: 'Deny',
          to: everybody,
          protocols: [{ udp: { destinationPort: { range: { start: 53, end: 54 } } } }],
        },
      ],
    })
    await becomes([near, server, true], [near, server, false, 81], [foreign, server, false, 53, 'UDP'])
    await ofCluster('base', { tier: 'Baseline', priority: 7, ingress: [{ action: 'Deny', from: everybody }] })
    await becomes([near, server, false], [foreign, server, false])
    const explained = await cluster.podroute(one, 'explain', 'shop/server', '80', '--from', 'shop/near')
    expect(explained.stdout).to.match(/^policy \(egress\) +allowed on \S+: admin spec.egress\[0\]$/m)
    expect(explained.stdout).to.match(/^policy \(ingress\) +denied on \S+: base spec.ingress\[0\] /m)
    const said = (name: string) =>
      cluster.kubectl(
        'get',
        'cnp',
        name,
        '-o',
        'jsonpath={.status.conditions[0].status} {.status.conditions[0].message}',
      )
    await eventually(async () => (await said('admin')) === 'True nothing of it is left out', 30_000)
    await ofCluster('base', {
      ...{ tier: 'Baseline', priority: 7, ingress: [{ action: 'Deny', from: everybody }] },
      egress: [{ action: 'Accept', to: [{ domainNames: ['example.org'] }] }],
    })
    await eventually(
      async () => /^False .*egress\[0\].*: domain names are not supported$/.test(await said('base')),
      30_000,
    )
    for (const name of ['admin', 'base']) await cluster.kubectl('delete', 'clusternetworkpolicy', name)
    await becomes([foreign, server, true], [near, server, false])
  })

  it('leave nothing behind when the last one goes', async () => {
    await remove('out')
    await becomes([near, server, true])
    await eventually(async () => !(await tables(one)).includes(TABLE))
  })
})

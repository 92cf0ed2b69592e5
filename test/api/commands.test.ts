/** The command line that ships, beside real agents and a real API server: explain, doctor, cleanup. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { ExplainReport } from '@podroute/agent/admin/explain-page.ts'
import type { CleanupReport } from '@podroute/agent/cleanup/cleanup.ts'
import type { Finding } from '@podroute/agent/doctor/check.ts'
import type { PacketReport } from '@podroute/cli/capture/lines.ts'
import { expect } from 'chai'
import { attempt } from '../../lab/command.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

describe('commands beside agents', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode

  before(async () => {
    cluster = await AgentCluster.start('commands')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) {
      await cluster.registerNode(node)
      await cluster.startAgent(node)
    }
    for (const [name, node] of [
      ['near', one],
      ['far', two],
    ] as const)
      await startPod(name, node)
    await eventually(async () => expect(await cluster.routes(one)).to.have.lengthOf(2), 60_000)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  async function startPod(name: string, node: TestNode): Promise<void> {
    const ips = (await cluster.allocated(node)).map((prefix) => `${prefix.replace(/[^.:]*\/.*$/, '')}7`)
    const spec = {
      ...{ nodeName: node.name, automountServiceAccountToken: false },
      containers: [{ name: 'c', image: 'none' }],
    }
    // The ServiceAccount of the namespace comes a moment after it.
    const metadata = { namespace: 'default', name }
    await eventually(
      () => cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec }).then(() => true),
      30_000,
    )
    await cluster.podRuns(name, ips)
  }

  const explain = async (...args: readonly string[]): Promise<ExplainReport> => {
    const { stdout, stderr } = await cluster.podroute(one, 'explain', ...args, '--json')
    expect(stderr).to.equal('')
    return JSON.parse(stdout)
  }

  it('explain knows pods that the agent does not follow, with the routes to them in both families', async () => {
    const { hops, passes } = await explain('default/far', '--from', 'default/near')
    expect(passes).to.equal(true)
    const of = (step: string) => hops.filter((hop) => hop.step === step).map(({ detail }) => detail)
    const prefixes = await cluster.allocated(two)
    const gateways = [two.ipv4, two.ipv6]
    expect(of('route').map((text) => text.replace(/, from .*/, ''))).to.deep.equal(
      prefixes.map((prefix, i) => `${prefix} via ${gateways[i]} to node ${two.name}`),
    )
    expect(of('pod')).to.deep.equal([`default/far on ${two.name}`, `default/far on ${two.name}`])
    expect(of('masquerading').every((text) => text.includes('it is seen as'))).to.equal(true)
    const outside = await explain('192.0.2.1', '--from', 'default/near')
    expect(outside.hops.map(({ step, detail }) => `${step} ${detail}`).join()).to.include(
      'the node’s address',
    )
  })

  it('ui serves its page and what the agent knows, and ends when it is told to', async () => {
    const program = join(cluster.directory, 'dist', 'podroute.mjs')
    const ui = spawn(process.execPath, [program, 'ui', '--port', '0', '--socket', cluster.socket(one)])
    const ended = once(ui, 'exit')
    const said = textOf(ui.stderr)
    try {
      const url = await eventually(() => /http:\S+/.exec(said())?.[0], 60_000)
      const entered = await fetch(url, { redirect: 'manual' })
      const headers = { cookie: entered.headers.get('set-cookie')!.split(';')[0]! }
      const page = await fetch(new URL('/', url), { headers })
      expect(await page.text()).to.include('<title>podroute</title>')
      expect((await fetch(new URL('/', url))).status).to.equal(403)
      const stream = await fetch(new URL('/api/stream', url), { headers })
      const [prefix] = await cluster.allocated(two)
      // In one message or in several, as they come.
      const wanted = [
        `"node":"${one.name}"`,
        `"name":"${two.name}","kind":"node"`,
        '"state":"established"',
        `"${prefix}"`,
      ]
      let told = ''
      for await (const more of stream.body!.pipeThrough(new TextDecoderStream())) {
        told += more
        if (wanted.every((text) => told.includes(text))) break
      }
      expect(wanted.filter((text) => !told.includes(text))).to.deep.equal([])
    } finally {
      ui.kill('SIGINT')
    }
    expect((await ended)[0], said()).to.equal(0)
  })

  it('kubectl podroute capture hears packets by a pod that the API server takes, and removes it', async () => {
    const agent = { namespace: 'kube-system', name: 'agent-of-one', labels: { app: 'podroute' } }
    const spec = { nodeName: one.name, containers: [{ name: 'agent', image: 'podroute' }] }
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: agent, spec })
    const running = [
      { name: 'agent', image: 'podroute', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
    ]
    const status = { phase: 'Running', containerStatuses: running }
    await cluster.patchStatus('pod/agent-of-one', status, 'kube-system')
    const args = ['capture', 'default/near', '--port', '5300', '--at', 'uplink', '--count', '1', '-o', 'json']
    const capture = spawn(process.execPath, [join(cluster.directory, 'dist', 'kubectl-podroute'), ...args], {
      env: { ...process.env, PATH: `${await kubectlWithoutKubelet()}:${process.env.PATH}` },
    })
    const ended = once(capture, 'exit')
    const [output, said] = [textOf(capture.stdout), textOf(capture.stderr)]
    const helpers = (what: string) =>
      cluster.kubectl(
        '-n',
        'kube-system',
        'get',
        'pods',
        '-l',
        'podroute.io/capture',
        '-o',
        `jsonpath=${what}`,
      )
    const name = await eventually(() => helpers('{.items[0].metadata.name}'), 30_000)
    expect(await helpers('{.items[0].spec.containers[0].securityContext.capabilities}')).to.equal(
      '{"add":["NET_RAW"],"drop":["ALL"]}',
    )
    await cluster.patchStatus(`pod/${name}`, { phase: 'Running' }, 'kube-system')
    await eventually(() => said().includes(`listens on ${one.name}`), 60_000)
    const near = await cluster.kubectl('get', 'pod', 'near', '-o', 'jsonpath={.status.podIP}')
    const send = `import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('${near}', 5300))`
    await attempt('ip', ['netns', 'exec', two.netns, 'python3', '-c', send])
    // As the kubelet does it, of which there is none.
    await eventually(() => helpers('{.items[0].metadata.deletionTimestamp}'), 60_000)
    await cluster.kubectl('-n', 'kube-system', 'delete', 'pod', name, '--force', '--grace-period=0')
    expect((await ended)[0], said()).to.equal(0)
    const packet = JSON.parse(output()) as PacketReport
    expect(packet).to.deep.include({ node: one.name, place: 'uplink', direction: 'in', protocol: 'udp' })
    expect([packet.source.name, packet.destination.name]).to.deep.equal([`node/${two.name}`, 'default/near'])
    expect(await helpers('{.items}')).to.equal('[]')
  })

  /** A folder with a kubectl that asks the API server, but for what it would ask of a kubelet: that runs on the node at once. */
  async function kubectlWithoutKubelet(): Promise<string> {
    const folder = join(cluster.directory, 'kubectl-without-kubelet')
    await mkdir(folder)
    const kubectl = join(await buildControlPlane(), 'kubectl')
    const podroute = `${process.execPath} ${join(cluster.directory, 'dist', 'podroute.mjs')}`
    const script = `#!/bin/sh
      case "$*" in *" exec podroute-capture"*)
        while [ "$1" != -- ]; do shift; done
        shift 2
        exec ip netns exec ${one.netns} ${podroute} "$@"
      esac
      exec ip netns exec ${cluster.network} ${kubectl} --kubeconfig=${cluster.control.kubeconfig} "$@"\n`
    await writeFile(join(folder, 'kubectl'), script, { mode: 0o755 })
    return folder
  }

  it('explain says what network policies decide', async () => {
    const metadata = { namespace: 'default', name: 'deny' }
    const spec = { podSelector: {}, policyTypes: ['Ingress'] }
    await cluster.apply({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec })
    const denied = await eventually(async () => {
      const report = await explain('default/far:80', '--from', 'default/near')
      return !report.passes && report
    }, 60_000)
    expect(denied.hops.find(({ problem }) => problem !== '')).to.deep.include({
      step: 'policy (ingress)',
      problem: 'network policies deny it: no rule matched of default/deny',
    })
    await cluster.kubectl('delete', 'networkpolicy', 'deny')
    await eventually(async () => (await explain('default/far:80', '--from', 'default/near')).passes, 60_000)
  })

  /** With the rights of the agent alone. */
  const doctor = async (...more: readonly string[]): Promise<ReadonlyMap<string, Finding['outcome']>> => {
    const program = join(cluster.directory, 'dist', 'podroute.mjs')
    const places = ['--kubeconfig', cluster.agentKubeconfig, '--socket', cluster.socket(one), ...more]
    const command = ['netns', 'exec', one.netns, process.execPath, program, 'doctor', '--json', ...places]
    const { stdout, stderr } = await attempt('ip', command)
    expect(stderr).to.equal('')
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
    return new Map(findings.map(({ check, outcome }) => [check, outcome]))
  }

  it('doctor finds a cluster well that is', async () => {
    const outcomes = await doctor('--node-name', one.name)
    for (const check of [
      ...['api-server', 'clock', 'node-name', 'pod-ranges', 'pod-ranges-overlap', 'pod-and-service-ranges'],
      ...['pod-ranges-and-nodes', 'node-addresses', 'node-families', 'agent', 'agent-node', 'bridge'],
      ...['node-subnets', 'router-restarts', 'path-mtu'],
    ])
      expect(outcomes.get(check), check).to.deep.equal({ kind: 'ok' })
  })

  it('doctor names a way on which large packets are lost', async () => {
    const mtu = (bytes: string) => cluster.exec(two, 'ip', 'link', 'set', 'eth0', 'mtu', bytes)
    await mtu('1400')
    const outcome = (await doctor('--node-name', one.name)).get('path-mtu')
    await mtu('1500')
    expect(outcome).to.have.property('kind', 'fail')
    const problem = outcome && 'problem' in outcome ? outcome.problem : ''
    expect(problem).to.include(`packets of 1500 bytes to ${two.name} (${two.ipv4}) are lost without a word`)
  })

  it('doctor names what is wrong with Nodes and ranges of Services', async () => {
    const [range = ''] = await cluster.allocated(two)
    const spec = { cidrs: [range] }
    await cluster.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: 'wrong' },
      spec,
    })
    await cluster.registerNode({ ...two, name: 'double' })
    const outcomes = await doctor('--node-name', 'nobody')
    const problem = (check: string) => {
      const outcome = outcomes.get(check)
      return outcome && 'problem' in outcome ? outcome.problem : ''
    }
    expect(problem('node-name')).to.equal('there is no Node nobody')
    expect(problem('node-addresses')).to.include(two.ipv4)
    expect(problem('pod-and-service-ranges')).to.include(range)
    await cluster.kubectl('delete', 'node', 'double')
    await cluster.kubectl('delete', 'servicecidr', 'wrong', '--wait=false')
  })

  /** As `kubectl debug node` has it: the node's network, and its files below a folder. */
  const cleanup = async (
    ...args: readonly string[]
  ): Promise<{ code: number; report: CleanupReport; stderr: string }> => {
    const host = join(cluster.directory, 'host')
    await mkdir(join(host, cluster.directory), { recursive: true })
    const program = join(cluster.directory, 'dist', 'podroute.mjs')
    const places = [
      '--root',
      host,
      '--state-directory',
      cluster.stateDirectory(one),
      '--socket',
      cluster.socket(one),
    ]
    const script = `mount --bind ${cluster.directory} ${host}${cluster.directory} && exec ip netns exec ${one.netns} "$@"`
    const command = [process.execPath, program, 'cleanup', '--json', ...places, ...args]
    const { code, stdout, stderr } = await attempt('unshare', [
      '--mount',
      'sh',
      '-c',
      script,
      'sh',
      ...command,
    ])
    return { code, stderr, report: JSON.parse(stdout || '{"refused":[],"items":[]}') }
  }

  it('cleanup refuses beside an agent, then says what would go, and takes it away', async () => {
    expect((await cleanup()).stderr).to.include('an agent runs here')
    // Nodes that shared an address until now do not any more.
    const wanted = await cluster.allocated(two)
    await eventually(async () => {
      const routes = await cluster.routes(one)
      expect(routes.map((route) => route.split(' ')[0])).to.have.members(wanted)
      return true
    }, 60_000)
    await cluster.killAgent(one)
    const before = await cluster.routes(one)
    const dry = await cleanup('--dry-run')
    expect(dry.code, dry.stderr).to.equal(0)
    const keys = dry.report.items.map(({ key }) => key)
    for (const prefix of wanted) expect(keys).to.include(prefix)
    expect(keys).to.include(cluster.conflist(one))
    expect(dry.report.items.every(({ outcome }) => outcome === 'to-remove')).to.equal(true)
    expect(await cluster.routes(one)).to.deep.equal(before)
    const done = await cleanup()
    expect(done.code, JSON.stringify(done.report.items)).to.equal(0)
    expect(await cluster.routes(one)).to.deep.equal([])
    expect(await cluster.exec(one, 'ip', '-br', 'link')).not.to.include('kube-bridge')
    expect(await cluster.exec(one, 'nft', 'list', 'tables')).not.to.include('podroute')
    expect((await cleanup('--dry-run')).report.items).to.deep.equal([])
  })
})

/** What has come so far. */
function textOf(stream: Readable): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  return () => text
}

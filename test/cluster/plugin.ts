/** `kubectl podroute`, as users run it, against real kubelets and their agents. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildPlugin } from '../../deploy/kubectl-plugin.ts'
import { LAB_NAMESPACE, NODES } from '../../lab/addresses.ts'
import { attempt, type CommandResult } from '../../lab/command.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { BLUE_PORT, service } from '../../lab/scenarios/blue.ts'
import { apply, kubectl, pods } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE } from '../../lab/scenarios/podroute.ts'
import { curlFromNode, urlOf } from '../../lab/scenarios/traffic.ts'
import { KUBECONFIG } from '../../lab/state.ts'
import type { PacketReport } from '../../packages/cli/capture/lines.ts'
import type { ConnectivityReport } from '../../packages/cli/connectivity/connectivity.ts'
import { eventually } from '../support/eventually.ts'
import { agents, inAgent } from './lab.ts'

const PLUGIN = join(import.meta.dirname, '../../packages/cli/kubectl/main.ts')
const NAMES = NODES.map(({ name }) => name)
/** A DaemonSet of agents that never start. */
const BROKEN = 'plugin-broken'

/** Where kubectl is; whatever its exit status. */
async function plugin(...args: readonly string[]): Promise<CommandResult> {
  return attempt('ip', inCluster(args), { env: await environment(), timeout: 240_000 })
}

function inCluster(args: readonly string[]): readonly string[] {
  return ['netns', 'exec', LAB_NAMESPACE, process.execPath, PLUGIN, ...args]
}

async function environment(): Promise<Record<string, string>> {
  return { PATH: `${await buildControlPlane()}:${process.env.PATH}`, KUBECONFIG }
}

export function kubectlPlugin(): void {
  describe('kubectl podroute', () => {
    it('has one verdict on all nodes', async () => {
      const { code, stdout } = await plugin('status', '--cluster', '--wait', '--timeout', '3m', '-o', 'json')
      const { ready, wanted, nodes } = JSON.parse(stdout)
      expect({ ready, wanted, code }).to.deep.equal({ ready: true, wanted: NAMES.length, code: 0 })
      expect(nodes.map(({ node }: { node: string }) => node)).to.deep.equal(NAMES)
    })

    it('ends with 3 and with why when its time is over, with 1 where there are no agents, and with 2 for what is no command', async () => {
      await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: BROKEN } }, brokenAgents())
      try {
        const wanted = [
          'get',
          'daemonset',
          'podroute',
          '-n',
          BROKEN,
          '-o',
          'jsonpath={.status.desiredNumberScheduled}',
        ]
        await eventually(async () => (await kubectl(wanted)) === String(NAMES.length), 60_000)
        const late = await plugin('-n', BROKEN, 'status', '--cluster', '--wait', '--timeout', '2s')
        expect(late.code, late.stderr).to.equal(3)
        expect(late.stdout).to.match(/its pod does not run: \w+/)
        expect(late.stdout).to.match(/not ready: 0 of \d nodes/)
      } finally {
        await kubectl(['delete', 'namespace', BROKEN, '--wait=false'])
      }
      const none = await plugin('-n', 'default', 'status')
      expect([none.code, none.stderr]).to.deep.include(1)
      expect(none.stderr).to.include('no pods of podroute')
      expect((await plugin('routes', '--cluster')).code).to.equal(2)
    })

    it('shows the agents’ Events and no others, also those of one node', async () => {
      const [agent] = await agents()
      await sayEvent('agent-event', 'podroute.io/agent', agent!.node)
      await sayEvent('other-event', 'somebody.else', agent!.node)
      for (const args of [[], ['--node', agent!.node]]) {
        const { items } = JSON.parse((await plugin('events', ...args, '-o', 'json')).stdout)
        const names = items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
        expect(names).to.include('agent-event').and.not.include('other-event')
      }
      const { items } = JSON.parse((await plugin('events', '--node', 'node-of-nobody', '-o', 'json')).stdout)
      expect(items).to.deep.equal([])
    })

    it('tries the ways between pods, names the hop that somebody blocks, and removes what it made', async () => {
      const [here, there] = NAMES
      const blocked = (await agents()).find(({ node }) => node === there)!
      await inAgent(blocked, 'nft', BLOCKER)
      try {
        const args = ['--nodes', `${here},${there}`, '-o', 'json']
        const { code, stdout, stderr } = await plugin('connectivity', ...args)
        expect(code, stderr).to.equal(3)
        expectBlocked(JSON.parse(stdout))
      } finally {
        await inAgent(blocked, 'nft', 'delete table inet blocker')
      }
      expect(await namespaces()).to.deep.equal([])
    })

    it('captures packets of a Service at the places of a node, with names, and its pod goes with it', async () => {
      const blue = await pods('app=blue')
      const [pod] = blue
      const args = ['default/blue', '--node', pod!.node, '--at', 'pod', '--count', '4', '-o', 'json']
      await using capture = await started('capture', ...args)
      await eventually(() => capture.said.includes(`listens on ${pod!.node}`), 120_000)
      expect(await captures()).to.match(/^pod\/podroute-capture-/)
      const { clusterIP } = await service('blue')
      await eventually(async () => {
        await curlFromNode(pod!.node, urlOf(clusterIP, BLUE_PORT))
        return capture.code !== undefined
      }, 120_000)
      expect(capture.code, capture.said).to.equal(0)
      const lines = capture.output.trimEnd().split('\n')
      const seen = lines.map((line) => JSON.parse(line) as PacketReport)
      expect(seen).to.have.length(4)
      const here = blue.filter(({ node }) => node === pod!.node).map(({ name }) => `default/${name}`)
      for (const { node, place, source, destination } of seen) {
        expect([node, place]).to.deep.equal([pod!.node, 'pod'])
        const names = [source.name, destination.name]
        expect(names).to.include(`node/${pod!.node}`)
        // The node may have two of them.
        const others = names.filter((name) => name !== `node/${pod!.node}`)
        expect(here).to.include.members(others)
        expect(others).to.have.length(1)
      }
      expect(await captures()).to.equal('')
    })

    it('removes the pod of a capture also when it is interrupted', async () => {
      await using capture = await started('capture', NAMES[0]!, '--port', '1')
      await eventually(() => capture.said.includes('listens on'), 120_000)
      capture.interrupt()
      await eventually(() => capture.code !== undefined, 60_000)
      expect(capture.code, capture.said).to.equal(0)
      expect(await captures()).to.equal('')
    })

    it('follows Events as they come', async () => {
      const [agent] = await agents()
      await using events = await started('events', '--follow')
      const name = 'followed-event'
      await eventually(async () => {
        await sayEvent(name, 'podroute.io/agent', agent!.node, 'a test of following')
        return events.output.includes('a test of following')
      }, 60_000)
    })

    it('shows a page of all agents', async () => {
      await using page = await started('ui', '--port', '0')
      await eventually(() => page.said.includes('http:'), 60_000)
      const url = /http:\S+/.exec(page.said)![0]
      const directory = await mkdtemp(join(tmpdir(), 'podroute-ui-'))
      const curl = ['netns', 'exec', LAB_NAMESPACE, 'curl', '-s', '-N', '-c', join(directory, 'jar')]
      try {
        const { stdout } = await attempt('ip', [...curl, '-L', url])
        expect(stdout).to.include('<title>podroute</title>')
        const stream = [...curl, '-b', join(directory, 'jar'), `${new URL('/api/stream', url)}`]
        await using told = new Started('ip', stream, process.env)
        for (const name of NAMES) await eventually(() => told.output.includes(`{"node":"${name}",`), 60_000)
      } finally {
        await rm(directory, { recursive: true })
      }
      page.interrupt()
      await eventually(() => page.code !== undefined, 30_000)
      expect(page.code, page.said).to.equal(0)
    })

    it('removes what it made for connectivity also when it is interrupted', async () => {
      const child = spawn('ip', inCluster(['connectivity']), {
        ...{ env: { ...process.env, ...(await environment()) }, stdio: 'ignore' },
      })
      const ended = new Promise((resolve) => child.on('exit', resolve))
      await eventually(async () => expect(await namespaces()).to.have.length(1), 60_000)
      child.kill('SIGINT')
      expect(await ended).to.equal(130)
      expect(await namespaces()).to.deep.equal([])
    })
  })
}

/** A command that goes on, of the plugin as it ships, in a group of its own, as a terminal starts it. */
async function started(...args: readonly string[]): Promise<Started> {
  const program = join(await built(), 'kubectl-podroute')
  const all = ['netns', 'exec', LAB_NAMESPACE, process.execPath, program, ...args]
  return new Started('ip', all, { ...process.env, ...(await environment()) })
}

/** Once a run. */
let plugins: Promise<string> | undefined
function built(): Promise<string> {
  plugins ??= (async () => {
    const directory = await mkdtemp(join(tmpdir(), 'podroute-plugin-'))
    after(() => rm(directory, { recursive: true }))
    await buildPlugin(join(directory, 'kubectl-podroute'), '"0"')
    return directory
  })()
  return plugins
}

class Started implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  output = ''
  said = ''
  /** Undefined while it runs; -1 where a signal ended it. */
  code: number | undefined

  constructor(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.said += text
    })
    this.#ended = once(this.#child, 'close').then(([code]) => {
      this.code = code ?? -1
    })
  }

  /** Ctrl-C. */
  interrupt(signal: NodeJS.Signals = 'SIGINT'): void {
    process.kill(-this.#child.pid!, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.code === undefined) this.interrupt('SIGKILL')
    await this.#ended
  }
}

function captures(): Promise<string> {
  return kubectl(['get', 'pods', '-n', PODROUTE_NAMESPACE, '-l', 'podroute.io/capture', '-o', 'name'])
}

/** Pods of the node are not reached from other nodes, by the port that they listen on. */
const BLOCKER =
  'table inet blocker { chain forward { type filter hook forward priority 0; iifname eth0 meta l4proto { tcp, udp } th dport 8080 drop; }; }'

function expectBlocked({ passed, nodes, paths }: ConnectivityReport): void {
  const [here, there] = NAMES
  expect({ passed, nodes }).to.deep.equal({ passed: false, nodes: [here, there] })
  const of = (name: string, from: string) =>
    paths.filter((path) => path.name === name && path.fromNode === from)
  for (const name of ['pod to pod, other node', 'pod to pod, other node, UDP', 'node to pod, other node']) {
    const failed = of(name, here!)
    expect(failed.map(({ family, outcome }) => [family, outcome])).to.deep.equal([
      [4, 'failed'],
      [6, 'failed'],
    ])
    for (const { hop } of failed)
      expect(hop).to.equal(`${here} to pods of ${there}: the route on ${here}, or forwarding on ${there}`)
    expect(of(name, there!).map(({ outcome }) => outcome)).to.deep.equal(['passed', 'passed'])
  }
  for (const way of ['same node', 'other node'])
    for (const name of [`pod that a NetworkPolicy allows, ${way}`, `pod that a NetworkPolicy denies, ${way}`])
      expect(of(name, there!).map(({ family, outcome }) => [family, outcome])).to.deep.equal([
        [4, 'passed'],
        [6, 'passed'],
      ])
  for (const name of ['pod to pod, same node', 'pod to itself through its Service', 'pod to other node'])
    expect(of(name, here!).map(({ outcome }) => outcome)).to.deep.equal(['passed', 'passed'])
}

async function namespaces(): Promise<readonly string[]> {
  const names = await kubectl(['get', 'namespaces', '-l', 'podroute.io/connectivity', '-o', 'name'])
  return names.split('\n').filter((name) => name !== '')
}

function brokenAgents(): object {
  const labels = { app: 'podroute' }
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet' },
    metadata: { name: 'podroute', namespace: BROKEN, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'agent', image: 'localhost/nothing:here', imagePullPolicy: 'Never' }],
        },
      },
    },
  }
}

/** As an agent says it. */
async function sayEvent(
  name: string,
  reportingController: string,
  node: string,
  note = 'a test',
): Promise<void> {
  // Of an earlier run in this lab: Events do not change.
  await kubectl(['delete', 'event', name, '--ignore-not-found'])
  await apply({
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name, namespace: 'default' } },
    ...{ eventTime: new Date().toISOString().replace('Z', '000Z'), type: 'Warning', action: 'Test' },
    ...{ reason: 'Test', note, reportingController, reportingInstance: node },
    regarding: { apiVersion: 'v1', kind: 'Node', name: node, uid: node },
  })
}

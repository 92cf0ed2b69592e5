/** `kubectl podroute`, as users run it, against real kubelets and their agents. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import { LAB_NAMESPACE, NODES } from '../../lab/addresses.ts'
import { attempt, type CommandResult } from '../../lab/command.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { apply, kubectl } from '../../lab/scenarios/cluster.ts'
import { KUBECONFIG } from '../../lab/state.ts'
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
async function sayEvent(name: string, reportingController: string, node: string): Promise<void> {
  // Of an earlier run in this lab: Events do not change.
  await kubectl(['delete', 'event', name, '--ignore-not-found'])
  await apply({
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name, namespace: 'default' } },
    ...{ eventTime: new Date().toISOString().replace('Z', '000Z'), type: 'Warning', action: 'Test' },
    ...{ reason: 'Test', note: 'a test', reportingController, reportingInstance: node },
    regarding: { apiVersion: 'v1', kind: 'Node', name: node, uid: node },
  })
}

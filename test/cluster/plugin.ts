/** `kubectl podroute`, as users run it, against real kubelets and their agents. */
import { join } from 'node:path'
import { expect } from 'chai'
import { LAB_NAMESPACE, NODES } from '../../lab/addresses.ts'
import { attempt, type CommandResult } from '../../lab/command.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { apply, kubectl } from '../../lab/scenarios/cluster.ts'
import { KUBECONFIG } from '../../lab/state.ts'
import { agents } from './lab.ts'

const PLUGIN = join(import.meta.dirname, '../../packages/cli/kubectl/main.ts')
const NAMES = NODES.map(({ name }) => name)
/** A DaemonSet of agents that never start. */
const BROKEN = 'plugin-broken'

/** Where kubectl is; whatever its exit status. */
async function plugin(...args: readonly string[]): Promise<CommandResult> {
  const path = `${await buildControlPlane()}:${process.env.PATH}`
  const command = ['netns', 'exec', LAB_NAMESPACE, process.execPath, PLUGIN, ...args]
  return attempt('ip', command, { env: { PATH: path, KUBECONFIG }, timeout: 240_000 })
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
  })
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
  await apply({
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name, namespace: 'default' } },
    ...{ eventTime: new Date().toISOString().replace('Z', '000Z'), type: 'Warning', action: 'Test' },
    ...{ reason: 'Test', note: 'a test', reportingController, reportingInstance: node },
    regarding: { apiVersion: 'v1', kind: 'Node', name: node, uid: node },
  })
}

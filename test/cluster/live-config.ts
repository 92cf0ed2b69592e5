/** The agents' configuration as the cluster changes it: a ConfigMap, which a real kubelet updates. */
import { expect } from 'chai'
import { kubectl, kubectlJson, type PodView, waitFor } from '../../lab/scenarios/cluster.ts'
import { PODROUTE_NAMESPACE } from '../../lab/scenarios/podroute.ts'
import type { StatusReport } from '../../packages/agent/admin/reports.ts'
import type { PeersReport } from '../../packages/pod-network/pages.ts'
import { agents, inAgent, onNode } from './lab.ts'

/** From the kubelet's update to the effect, in milliseconds. */
const SOON = 2000
const FILE = 'config.yaml'
const METRICS_PORT = 20299
const VOLUME = 'kubernetes.io~configmap/config/..data'

interface ConfigMap {
  readonly data: Readonly<Record<string, string>>
}

const inNamespace = ['-n', PODROUTE_NAMESPACE]

/** Changes the ConfigMap. A kubelet looks at it by itself once a minute, and at once when the pod changes. */
export async function configure(text: string): Promise<void> {
  const patch = JSON.stringify({ data: { [FILE]: text } })
  await kubectl([...inNamespace, 'patch', 'configmap', 'podroute', '-p', patch])
  for (const { name } of await agents())
    await kubectl([...inNamespace, 'annotate', '--overwrite', 'pod', name, `test/changed=${Date.now()}`])
}

export async function readConfiguration(): Promise<string> {
  const map = await kubectlJson<ConfigMap>([...inNamespace, 'get', 'configmap', 'podroute'])
  return map.data[FILE]!
}

async function status(agent: PodView): Promise<StatusReport> {
  return JSON.parse(await inAgent(agent, 'podroute', 'status', '--json')) as StatusReport
}

async function leastUptime(agent: PodView): Promise<number> {
  const { peers } = JSON.parse(await inAgent(agent, 'podroute', 'peers', '--json')) as PeersReport
  return Math.min(...peers.map(({ uptime }) => uptime ?? 0))
}

/** When the kubelet turned the link, and when the agent had done what the file says: milliseconds since 1970, by the node's clock. */
async function times(agent: PodView): Promise<{ readonly updated: number; readonly done: number }> {
  const link = await onNode(agent.node, `stat -c %.Y /var/lib/kubelet/pods/*/volumes/${VOLUME}`)
  const updated = Math.max(...link.trim().split('\n').map(Number)) * 1000
  const log = await kubectl([...inNamespace, 'logs', agent.name, '-c', 'agent'])
  const line = log.split('\n').findLast((text) => text.includes('the configuration has changed'))
  return { updated, done: Date.parse(line?.split(' ')[0] ?? '') }
}

export function liveConfig(): void {
  describe('a ConfigMap that changes', () => {
    let original: string
    const condition = async (agent: PodView) =>
      (await status(agent)).conditions.find(({ name }) => name === 'configuration')

    before('read it', async () => {
      original = await readConfiguration()
    })
    after(() => configure(original))

    it(`takes effect within ${SOON / 1000} s of the kubelet’s update, and resets no session`, async () => {
      const since = performance.now()
      await configure(`${original}metrics: { port: ${METRICS_PORT} }\n`)
      for (const agent of await agents()) {
        await waitFor(
          'metrics at their new port',
          () => onNode(agent.node, `curl -sf http://127.0.0.1:${METRICS_PORT}/metrics | head -1 || true`),
          (text) => text !== '',
          { timeout: 60_000 },
        )
        const { updated, done } = await times(agent)
        process.stdout.write(`      ${agent.node}: ${Math.round(done - updated)} ms after the update\n`)
        expect(done - updated).to.be.below(SOON)
        expect(await leastUptime(agent)).to.be.greaterThan(performance.now() - since)
      }
    })

    it('is refused when it is wrong, which an Event on each Node says', async () => {
      await configure(`${original}serviceproxy: {}\n`)
      const detail = 'serviceproxy: unknown key, did you mean "serviceProxy"?'
      for (const agent of await agents()) {
        await waitFor(
          'the condition',
          () => condition(agent),
          (found) => found?.detail === detail,
          { timeout: 60_000 },
        )
        expect((await status(agent)).ready).to.equal(true)
        await waitFor(
          'the Event',
          () => kubectl(['describe', 'node', agent.node]),
          (text) => /Warning +ConfigurationRefused .*did you mean "serviceProxy"/.test(text),
          { timeout: 10_000 },
        )
      }
      await configure(original)
      for (const agent of await agents())
        await waitFor(
          'the condition, mended',
          () => condition(agent),
          (found) => found?.ok === true,
          { timeout: 60_000 },
        )
    })
  })
}

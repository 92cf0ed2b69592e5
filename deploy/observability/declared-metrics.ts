/** The metrics that an agent with all its features declares: asked of a real one on a kernel that is none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseFlags } from '@podroute/agent/config/flags.ts'
import { createAgent } from '@podroute/agent/create-agent.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import { createLogger } from '@podroute/agent/log.ts'
import { createRegistry } from '@podroute/agent/metrics/registry.ts'
import { RunRecord } from '@podroute/agent/run-record.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'

export interface DeclaredMetric {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

/** Nobody answers there. */
const KUBECONFIG = `
apiVersion: v1
kind: Config
current-context: here
clusters: [{ name: here, cluster: { server: "https://127.0.0.1:1" } }]
contexts: [{ name: here, context: { cluster: here, user: me } }]
users: [{ name: me, user: { token: none } }]
`

/** Sorted by name. */
export async function declaredMetrics(): Promise<readonly DeclaredMetric[]> {
  const folder = mkdtempSync(join(tmpdir(), 'podroute-metrics-'))
  try {
    const agent = makeAgent(folder)
    await using started = agent
    await started.start()
    const registry = createRegistry(started.state)
    return registry
      .getMetricsAsArray()
      .map((metric) => describe(metric as unknown as Described))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Described {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labelNames: readonly string[]
}

function describe({ name, type, help, labelNames }: Described): DeclaredMetric {
  return { name, type, help, labels: labelNames.filter((label) => label !== 'le') }
}

function makeAgent(folder: string) {
  const path = (name: string) => join(folder, name)
  writeFileSync(path('kubeconfig'), KUBECONFIG)
  const places = { health: { port: 0 }, metrics: { port: 0 }, adminSocket: path('admin.sock') }
  const config = {
    ...places,
    serviceProxy: { health: { port: 0 } },
    podNetwork: { conflist: path('net.conflist') },
  }
  writeFileSync(path('config.yaml'), JSON.stringify(config))
  const words = ['--config', path('config.yaml'), '--state-directory', path('state'), '--node-name', 'node']
  const sections = FEATURES.map(({ section }) => section)
  return createAgent(parseFlags([...words, '--kubeconfig', path('kubeconfig')], {}, sections), FEATURES, {
    log: createLogger({ level: 'error', format: 'text' }, { write() {}, now: () => new Date() }),
    record: new RunRecord({
      store: { load: () => undefined, save() {} },
      bootId: 'none',
      now: () => new Date(),
    }),
    wrongConfiguration() {},
    openKernel: () => new FakeKernel(),
  })
}

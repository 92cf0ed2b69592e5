/** Serves what an agent of the default configuration serves, in the namespace where it is started: `node http-servers.ts SOCKET NODE_PORT`. */
import { parseFlags } from '@podroute/agent/config/flags.ts'
import { loadConfig } from '@podroute/agent/config/load.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import { healthPages } from '@podroute/agent/health.ts'
import { serve } from '@podroute/agent/http.ts'
import { text } from '@podroute/feature/listener.ts'
import { healthListener } from '@podroute/kernel/http-listener.ts'
import type { ServiceProxySettings } from '@podroute/service-proxy/settings.ts'

const [path = '', nodePort = ''] = process.argv.slice(2)
const flags = parseFlags(
  ['--node-name', 'node'],
  {},
  FEATURES.map(({ section }) => section),
)
const config = loadConfig(flags, FEATURES, () => '')
const proxy = config.features.get('service-proxy') as ServiceProxySettings
const health = healthPages({ conditions: () => [] })
/** As long as a page of metrics. */
const metrics = () => text('podroute_example_total{of="a line that is fairly long"} 1\n'.repeat(2000))

await serve({ kind: 'tcp', ...config.health }, health)
const { address, port } = config.metrics
await serve({ kind: 'tcp', address, port }, metrics)
await serve({ kind: 'tcp', ...proxy.health }, health)
await serve({ kind: 'unix', path }, health)
const listen = healthListener()
for (const port of [Number(nodePort), Number(nodePort) + 1])
  await listen(port, () => ({ status: 200, headers: {}, body: '{}' }))
process.stdout.write('ready\n')

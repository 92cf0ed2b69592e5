/** Addresses of Services at a router outside, FRR: how soon they come and go, and what 2,000 of them cost the agent. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import type { NetworkCase, Say } from './network-case.ts'
import { makeBenchNetwork, NETWORK, removeBenchNetwork } from './services-network.ts'

const TOP = new URL('../..', import.meta.url).pathname

/** The agent runs in a VM whose kernel has IPVS; API server and router are in the network's namespace, and so is who measures. */
async function serviceRoutes(say: Say): Promise<void> {
  await buildControlPlane((text) => process.stderr.write(text))
  await makeBenchNetwork()
  try {
    const program = join(TOP, 'test/bench/service-routes-cluster.ts')
    const command = ['netns', 'exec', NETWORK, process.execPath, program]
    const child = spawn('ip', command, { cwd: TOP, stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface({ input: child.stdout }).on('line', (line) => say(JSON.parse(line)))
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`the cluster ended with ${code}`)
  } finally {
    await removeBenchNetwork()
  }
}

export const SERVICE_ROUTES: NetworkCase = { name: 'service-routes', run: serviceRoutes }

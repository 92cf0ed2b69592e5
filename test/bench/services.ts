/**
 * The service proxy without a kernel, on the kernel of a VM, and as a process
 * there with an API server outside, beside kube-proxy on the same objects.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { bootVm } from '../../lab/node/vm.ts'
import { installPackages } from '../../lab/prerequisites.ts'
import { benchOptions } from './options.ts'
import { begin } from './report.ts'
import { makeBenchNetwork, NETWORK, removeBenchNetwork } from './services-network.ts'
import { reportSimulated } from './services-simulated.ts'

const TOP = new URL('../..', import.meta.url).pathname
/** In this order; those of the cluster share one control plane. */
const CLUSTER_CASES = [
  'idle-mesh',
  'idle',
  'agent-1000',
  'kube-proxy-nftables-1000',
  'kube-proxy-ipvs-1000',
  'agent-10000',
]
const CASES = ['simulated', 'growth', ...CLUSTER_CASES]

async function growth(flags: readonly string[]): Promise<void> {
  await using vm = await bootVm({ name: 'bench-growth', memoryMiB: 4096 })
  const code = await vm.stream(
    [process.execPath, 'test/bench/services-guest.ts', ...flags],
    { onStdout: (data) => process.stdout.write(data), onStderr: (data) => process.stderr.write(data) },
    { cwd: TOP },
  )
  if (code !== 0) throw new Error(`the guest ended with ${code}`)
}

async function cluster(cases: readonly string[], flags: readonly string[]): Promise<void> {
  await buildControlPlane((text) => process.stderr.write(text))
  await makeBenchNetwork()
  try {
    const program = join(TOP, 'test/bench/services-cluster.ts')
    const command = ['netns', 'exec', NETWORK, process.execPath, program, ...flags, ...cases]
    const child = spawn('ip', command, { cwd: TOP, stdio: 'inherit' })
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`the cluster's benchmarks ended with ${code}`)
  } finally {
    await removeBenchNetwork()
  }
}

const USAGE = `bench:services [-- OPTION…] [CASE…]
  --json     a line of JSON for each figure
  CASE       ${CASES.join(', ')} (default: all); other sizes by name: agent-300`

const { values, positionals } = benchOptions(USAGE, {
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const cases = positionals.length === 0 ? CASES : positionals
const wanted = (name: string) => cases.includes(name)
const flags = values.json ? ['--json'] : []
await installPackages()
if (wanted('simulated')) {
  begin('simulated')
  await reportSimulated(values.json)
}
if (wanted('growth')) {
  begin('growth')
  await growth(flags)
}
const clusterCases = cases.filter((name) => name !== 'simulated' && name !== 'growth')
if (clusterCases.length > 0) await cluster(clusterCases, flags)

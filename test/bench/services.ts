/** `npm run bench:services [-- --json]`: boots a VM whose kernel has IPVS and measures the service proxy there, against ipvsadm and kube-proxy. */
import { join } from 'node:path'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { bootVm } from '../../lab/node/vm.ts'
import { reportSimulated } from './services-simulated.ts'

const TOP = new URL('../..', import.meta.url).pathname

await reportSimulated(process.argv.includes('--json'))
const controlPlane = await buildControlPlane((text) => process.stderr.write(text))
await using vm = await bootVm({ name: 'bench-services', memoryMiB: 3072 })
const command = [
  process.execPath,
  'test/bench/services-guest.ts',
  `--kube-proxy=${join(controlPlane, 'kube-proxy')}`,
  ...process.argv.slice(2).filter((argument) => argument === '--json'),
]
process.exitCode = await vm.stream(
  command,
  { onStdout: (data) => process.stdout.write(data), onStderr: (data) => process.stderr.write(data) },
  { cwd: TOP },
)

/**
 * `npm run bench:policy`: what network policy costs on a node of a large cluster, on this kernel, in a network namespace of its own. As root.
 *
 *   npm run bench:policy -- [--pods 10000] [--local 200] [--policies 5000] [--namespaces 200]
 *   npm run bench:policy -- traffic      # what packets cost under 0 to 1,000 policies
 *   npm run bench:policy -- --vm [traffic] ...      # the same in a virtual machine of the lab, on its kernel
 *   KUBE_ROUTER=PROGRAM npm run bench:policy -- kube-router [--pods 10000] [--limit SECONDS] ...      # the same cluster in kube-router
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'
import { agentSettings } from '../../deploy/manifest.ts'
import { bootVm } from '../../lab/node/vm.ts'
import { installPackages } from '../../lab/prerequisites.ts'
import { benchKubeRouter } from './policy-kube-router.ts'
import { sizeOf } from './policy-objects.ts'
import { benchTraffic } from './policy-traffic.ts'

const TOP = join(import.meta.dirname, '..', '..')
/** Below the repository, where what is not in the bundle is found. */
const BUNDLE = join(TOP, '.build', 'bench', 'policy-node.mjs')
/** What the guest writes is in its memory, too. */
const MEMORY_MIB = 3072

/** What measures packets; nothing else wants iperf3. */
const TRAFFIC_PACKAGES = ['gcc', 'iperf3', 'iproute2', 'libc6-dev', 'procps']

/** As deploy/build.ts makes it: stripping the types at run time alone takes as much memory again as all of Node. */
async function bundle(): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, 'policy-node.ts')],
    outfile: BUNDLE,
    external: ['koffi'],
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node24' },
  })
}

/** With the agent's flags and variables: they keep memory small. */
async function benchNode(args: readonly string[], run: typeof runHere): Promise<number> {
  await bundle()
  const { flags, env } = agentSettings()
  return run([process.execPath, ...flags, BUNDLE, ...args], env)
}

async function runHere([program, ...args]: readonly string[], env: Readonly<Record<string, string>>) {
  return spawnSync(program!, args, { stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1
}

async function runInVm(command: readonly string[], env: Readonly<Record<string, string>>) {
  await installPackages()
  await using vm = await bootVm({ name: 'bench-policy', memoryMiB: MEMORY_MIB })
  const streams = {
    onStdout: (chunk: Buffer) => process.stdout.write(chunk),
    onStderr: (chunk: Buffer) => process.stderr.write(chunk),
  }
  return await vm.stream(command, streams, { cwd: TOP, env: { PATH: process.env.PATH ?? '', ...env } })
}

const [, , ...all] = process.argv
const args = all.filter((word) => word !== '--vm')
const run = all.includes('--vm') ? runInVm : runHere
if (args[0] === 'traffic') await installPackages(TRAFFIC_PACKAGES)
if (args[0] === 'kube-router') await benchKubeRouter(sizeOf(args.slice(1)))
else if (args[0] !== 'traffic') process.exitCode = await benchNode(args, run)
else if (run === runInVm) process.exitCode = await run([process.execPath, import.meta.filename, ...args], {})
// What follows the kernel there is left to the end of the process.
else process.exit((await benchTraffic()) ? 0 : 1)

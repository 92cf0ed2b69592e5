/** What network policy costs on a node of a large cluster, on this kernel, in a network namespace of its own. As root. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'
import { agentSettings } from '../../deploy/manifest.ts'
import { bootVm } from '../../lab/node/vm.ts'
import { installPackages } from '../../lab/prerequisites.ts'
import { benchOptions } from './options.ts'
import { benchKubeRouter } from './policy-kube-router.ts'
import { SIZE_OPTIONS, sizeOf } from './policy-objects.ts'
import { benchTraffic } from './policy-traffic.ts'

const TOP = join(import.meta.dirname, '..', '..')
/** Below the repository, where what is not in the bundle is found. */
const BUNDLE = join(TOP, '.build', 'bench', 'policy-node.mjs')
/** What the guest writes is in its memory, too. */
const MEMORY_MIB = 3072

/** What measures packets; nothing else wants iperf3. */
const TRAFFIC_PACKAGES = ['gcc', 'iperf3', 'iproute2', 'libc6-dev', 'procps']

const USAGE = `bench:policy -- [CASE] [OPTIONS]

without a CASE     what a change costs: a pod, a policy, a label; and the first sync
traffic            what a pod's packets cost under 0 to 1,000 policies
kube-router        the first sync of the same cluster in kube-router, the program that KUBE_ROUTER names

--vm               in a virtual machine of the lab, on its kernel
--pods N           of the cluster (default ${SIZE_OPTIONS.pods.default})
--local N          of them on the node (default ${SIZE_OPTIONS.local.default})
--policies N       default ${SIZE_OPTIONS.policies.default}
--namespaces N     default ${SIZE_OPTIONS.namespaces.default}
--limit SECONDS    after which kube-router is given up (default ${SIZE_OPTIONS.limit.default})`
const CASES = ['traffic', 'kube-router']

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

function refuse(reason: string): never {
  process.stderr.write(`${reason}\nnpm run ${USAGE}\n`)
  process.exit(2)
}

const { positionals, values } = benchOptions(USAGE, {
  allowPositionals: true,
  options: { ...SIZE_OPTIONS, vm: { type: 'boolean', default: false } },
})
const [which, ...more] = positionals
const unknown = [which, ...more].find((word) => word !== undefined && !CASES.includes(word))
if (unknown !== undefined) refuse(`there is no case ${unknown}`)
if (more.length > 0) refuse('one case at a time')
if (which === 'kube-router' && values.vm) refuse('kube-router is measured without --vm only')
const args = process.argv.slice(2).filter((word) => word !== '--vm' && word !== which)
const run = values.vm ? runInVm : runHere
if (which === 'traffic') await installPackages(TRAFFIC_PACKAGES)
if (which === 'kube-router') await benchKubeRouter(sizeOf(args))
else if (which === undefined) process.exitCode = await benchNode(args, run)
else if (values.vm) process.exitCode = await run([process.execPath, import.meta.filename, which], {})
// What follows the kernel there is left to the end of the process.
else process.exit((await benchTraffic()) ? 0 : 1)

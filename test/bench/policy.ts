/**
 * `npm run bench:policy`: what network policy costs on a node of a large cluster, on this kernel, in a network namespace of its own. As root.
 *
 *   npm run bench:policy -- [--pods 10000] [--local 200] [--policies 5000] [--namespaces 200]
 *   npm run bench:policy -- traffic      # what packets cost under 0 to 1,000 policies
 *   KUBE_ROUTER=PROGRAM npm run bench:policy -- kube-router [--pods 10000] ...      # the same cluster in kube-router
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'
import { agentSettings } from '../../deploy/manifest.ts'
import { benchKubeRouter } from './policy-kube-router.ts'
import { sizeOf } from './policy-objects.ts'
import { benchTraffic } from './policy-traffic.ts'

/** Below the repository, where what is not in the bundle is found. */
const BUNDLE = join(import.meta.dirname, '..', '..', '.build', 'bench', 'policy-node.mjs')

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
async function benchNode(args: readonly string[]): Promise<number> {
  await bundle()
  const { flags, env } = agentSettings()
  const options = { stdio: 'inherit', env: { ...process.env, ...env } } as const
  return spawnSync(process.execPath, [...flags, BUNDLE, ...args], options).status ?? 1
}

const [, , ...args] = process.argv
if (args[0] === 'kube-router') await benchKubeRouter(sizeOf(args.slice(1)))
// What follows the kernel there is left to the end of the process.
else if (args[0] === 'traffic') process.exit((await benchTraffic()) ? 0 : 1)
else process.exitCode = await benchNode(args)

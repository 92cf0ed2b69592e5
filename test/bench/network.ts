/**
 * How fast what the cluster and its configuration say is in the kernels of nodes, and what
 * an agent costs in a large mesh.
 */
import { inspect } from 'node:util'
import { installPackages } from '../../lab/prerequisites.ts'
import type { NetworkCase } from './network-case.ts'
import { KERNEL_ROUTES } from './network-kernel.ts'
import { GOBGP_MESH, IDLE_MESH, LARGE_MESH } from './network-mesh.ts'
import { THREE_NODES } from './network-nodes.ts'
import { benchOptions } from './options.ts'
import { REFLECTORS } from './reflectors.ts'
import { begin, type Figure, report } from './report.ts'
import { SERVICE_ROUTES } from './service-routes.ts'

/** In this order. A new case is a file of its own and a line here. */
const CASES: readonly NetworkCase[] = [
  KERNEL_ROUTES,
  THREE_NODES,
  LARGE_MESH,
  IDLE_MESH,
  GOBGP_MESH,
  REFLECTORS,
  SERVICE_ROUTES,
]

const USAGE = `bench:network [-- OPTION…] [CASE…]
  --json     a line of JSON for each figure
  CASE       ${CASES.map(({ name }) => name).join(', ')} (default: all)`

const { values, positionals } = benchOptions(USAGE, {
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
for (const name of positionals)
  if (!CASES.some((item) => item.name === name))
    throw new Error(`no case ${name}: choose from ${CASES.map((item) => item.name).join(', ')}`)

await installPackages()
let missed = 0
const say = (figure: Figure) => {
  const result = report({ ...figure, name: `network: ${figure.name}` }, { json: values.json })
  if (result.verdict === 'missed') missed++
}
for (const item of CASES) {
  if (positionals.length > 0 && !positionals.includes(item.name)) continue
  begin(item.name)
  // One that cannot be measured does not keep the others from it.
  await item.run(say).catch((error: unknown) => {
    process.stderr.write(`${item.name}: ${inspect(error)}\n`)
    process.exitCode = 1
  })
}
process.stderr.write(`${missed} missed\n`)
process.exit()

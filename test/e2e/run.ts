/**
 * `npm run e2e`: upstream Kubernetes' own end-to-end tests of Services, pod networks and network policies, or network-policy-api's, against
 * podroute in the lab: the one that runs, if it was started with --e2e, else one that is started for it.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { NODE_COUNT } from '../../lab/addresses.ts'
import { down, up } from '../../lab/commands/up.ts'
import { startLab } from '../../lab/lifecycle.ts'
import { prepare } from '../../lab/prepare.ts'
import { Progress } from '../../lab/progress.ts'
import { kubectl } from '../../lab/scenarios/cluster.ts'
import { labExists } from '../../lab/state.ts'
import { startDns } from '../../lab/upstream/dns.ts'
import { kubeRouter } from '../bench/coldstart-peers.ts'
import { focusOn, GROUPS, NETPOL, SHORT, SHORT_NETPOL } from './cases.ts'
import { CONFORMANCE_LOG, runPolicyConformance } from './policy-conformance.ts'
import { summarize } from './report.ts'
import { JUNIT, LOG, runSuite } from './suite.ts'

/** A run that is cut has said there what passed. */
const VERDICTS = 'verdicts.txt'

const USAGE = `usage: npm run e2e -- [OPTIONS]

  --short          the few cases that CI runs
  --netpol         those of network policies instead
  --cnp            network-policy-api's conformance suite of ClusterNetworkPolicies instead
  --focus REGEX    these cases only (default: ${GROUPS.join(', ')})
  --skip REGEX     but not these
  --procs N        cases at the same time (default 3)
  --out DIRECTORY  reports, log, and ${VERDICTS}: each case as soon as it has ended (default .build/e2e)
  --keep           leave the lab that was started, and --cnp's pods
  --kube-router    with kube-router in podroute's place; KUBE_ROUTER_SOURCE names a checkout of it

PODROUTE_LAB_NODES=6 starts six nodes: a few cases want two in each of three zones.
`

const TOP = join(import.meta.dirname, '..', '..')

function options() {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      netpol: { type: 'boolean', default: false },
      cnp: { type: 'boolean', default: false },
      focus: { type: 'string' },
      skip: { type: 'string', multiple: true, default: [] },
      procs: { type: 'string', default: '3' },
      out: { type: 'string', default: join(TOP, '.build', 'e2e') },
      keep: { type: 'boolean', default: false },
      'kube-router': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return values
}

/** Upstream's cases of traffic distribution want three, some of them with two nodes each. */
const ZONES = 3

async function startWithKubeRouter(): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'podroute-e2e-'))
  try {
    const peer = await kubeRouter(work, true)
    const progress = new Progress()
    await startLab(await prepare(progress, { upstream: true, images: [peer.archive] }), progress, peer)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function spreadOverZones(): Promise<void> {
  for (let i = 1; i <= NODE_COUNT; i++)
    await kubectl([
      'label',
      '--overwrite',
      'node',
      `node-${i}`,
      `topology.kubernetes.io/zone=zone-${1 + ((i - 1) % ZONES)}`,
    ])
}

/** What hears of the cases: prints and writes each at once. */
function verdictsIn(directory: string): (line: string) => void {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, VERDICTS)
  writeFileSync(file, '')
  return (line) => {
    appendFileSync(file, `${line}\n`)
    process.stdout.write(`${line}\n`)
  }
}

async function main(): Promise<number> {
  const { short, netpol, cnp, focus, skip, procs, out, keep, help, ...more } = options()
  if (help) {
    process.stdout.write(USAGE)
    return 0
  }
  const ours = !labExists()
  try {
    if (ours) await (more['kube-router'] ? startWithKubeRouter() : up(['--e2e', '--quiet']))
    await startDns()
    await spreadOverZones()
    const directory = resolve(out)
    process.stdout.write(`runs; its log: ${join(directory, cnp ? CONFORMANCE_LOG : LOG)}\n`)
    const onCase = verdictsIn(directory)
    const results = cnp
      ? await runPolicyConformance({ focus, skip, keep, directory, onCase })
      : await runSuite({
          focus: focus ?? focusOn(netpol ? (short ? SHORT_NETPOL : NETPOL) : short ? SHORT : GROUPS),
          skip,
          processes: Number(procs),
          directory,
          onCase,
        })
    process.stdout.write(`\n${summarize(results)}${cnp ? '' : `JUnit: ${join(directory, JUNIT)}\n`}`)
    const { cases, failures } = results
    const ran = cases.filter(({ outcome }) => outcome !== 'could not run')
    return failures.length === 0 && ran.length > 0 && ran.every(({ outcome }) => outcome === 'passed') ? 0 : 1
  } finally {
    if (ours && !keep) await down()
  }
}

process.exitCode = await main()

/** `npm test [-- TIER…]`: prepares what the tiers need, runs each in a process of its own, closes with a line per tier. */
import { spawn } from 'node:child_process'
import { KIND_VARIABLE } from '../lab/node/machine.ts'
import { TIERS, type Tier, tierNamed } from './tiers.ts'

interface Result {
  readonly tier: Tier
  readonly summary: string
  /** A line for each test that failed, or did not pass at once: where a log is cut, its end says what it was. */
  readonly failures: readonly string[]
  readonly ok: boolean
  readonly seconds: number
}

const USAGE = `usage: npm test -- [TIER…] [--kernels]

Runs the tests of these tiers, or of all before kernels, and installs and builds first what they need:

  unit      needs nothing
  netns     network namespaces, with other BGP speakers as peers
  ipvs      a virtual machine whose kernel has IPVS
  api       a real control plane
  cluster   the lab
  document  the commands of docs/lab.md, with a container engine
  kernels   the ipvs tier, but for its load, on the kernel of this machine's Debian (12: Linux 6.1), emulated; also by --kernels
  families  the lab with nodes of IPv4 alone, and of IPv6 alone
  top-of-rack      two FRR routers with TCP-MD5, BFD and ECMP, and agents of two nodes: keys change, a router dies, a node dies
  joined-clusters  two clusters whose nodes learn each other's pods from FRR as their route reflector
  cosign    the signatures of a release, by cosign, compiled here
  discovery  the agents that Prometheus finds by its own discovery, compiled here
  service-addresses  the lab, with addresses of Services at its router, over updates, drains, kills and upgrades
  hitless   the lab, with agents that are killed, upgraded, and crash for a minute
  upgrade   the lab with agents of an earlier commit (the latest tag, or UPGRADE_FROM=REF), upgraded and rolled back
  migration the lab with kube-proxy, whose nodes move to podroute one by one
  kube-router  the lab with kube-router, built of KUBE_ROUTER_SOURCE=FOLDER, whose nodes move to podroute one by one
  arm64     podroute's image for arm64, built here, and its programs under an emulator
`

const TOP = new URL('..', import.meta.url).pathname

/** Runs `command`, shows its output as it comes, and keeps what a tier closes with: its failures and its last line. */
function runShown(
  command: readonly string[],
  tier: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; summary: string | undefined; failures: readonly string[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      cwd: TOP,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let summary: string | undefined
    const failures: string[] = []
    let rest = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk: string) => {
      process.stdout.write(chunk)
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      failures.push(
        ...lines.filter(
          (line) => line.startsWith(`${tier} failed: `) || line.startsWith(`${tier} unstable: `),
        ),
      )
      summary = lines.findLast((line) => line.startsWith(`${tier}: `) && line.includes(' passed')) ?? summary
    })
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code: code ?? 1, summary, failures })
    })
  })
}

async function runTier(tier: Tier): Promise<Result> {
  const started = performance.now()
  process.stdout.write(`\n== ${tier.name}\n`)
  const test = [process.execPath, 'test/tier.ts', tier.name]
  const command = tier.where === 'vm' ? [process.execPath, 'lab/main.ts', 'vm', '--', ...test] : test
  const env = tier.machine === undefined ? {} : { [KIND_VARIABLE]: tier.machine }
  const { code, summary, failures } = await runShown(command, tier.name, env)
  const seconds = Math.round((performance.now() - started) / 1000)
  return {
    tier,
    summary: summary ?? `${tier.name}: did not finish`,
    failures,
    ok: code === 0 && summary !== undefined,
    seconds,
  }
}

async function main(): Promise<number> {
  const names = process.argv.slice(2).map((name) => (name === '--kernels' ? 'kernels' : name))
  if (names.includes('--help') || names.includes('-h')) {
    process.stdout.write(USAGE)
    return 0
  }
  const tiers = names.length > 0 ? names.map(tierNamed) : TIERS.filter(({ longer }) => !longer)
  const upstream = tiers.some(({ name }) => name === 'cluster') ? ['--e2e'] : []
  const prepared = await runShown([process.execPath, 'lab/main.ts', 'prepare', ...upstream], '')
  if (prepared.code !== 0) return prepared.code
  const results: Result[] = []
  // One after the other: what is promised in time is tried on a machine that has time.
  for (const tier of tiers) results.push(await runTier(tier))
  process.stdout.write('\n')
  for (const { summary } of results) process.stdout.write(`${summary}\n`)
  for (const line of new Set(results.flatMap(({ failures }) => failures))) process.stdout.write(`${line}\n`)
  for (const { tier, seconds } of results) process.stdout.write(`# ${tier.name} took ${seconds} s\n`)
  return results.every((result) => result.ok) ? 0 : 1
}

process.exitCode = await main()

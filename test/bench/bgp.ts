// Our speaker against Debian's bird2 in the same run: a mesh, and a table to many peers. `npm run bench:bgp [-- --json] [--full] [--rounds N]`
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { eventually, NamespaceProcess, output, temporaryDirectory } from '../interop/support/daemon.ts'
import { ip, type Link } from '../interop/support/link.ts'
import { birdConfiguration } from './bgp-bird.ts'
import { DEVICE_ADDRESS, type Measured, type Scenario } from './bgp-scenario.ts'
import { median, report } from './report.ts'

interface Sample {
  readonly seconds: number
  /** CPU time of the device, seconds. */
  readonly cpu: number
  /** Resident memory of the device at the end, MB. */
  readonly rss: number
}

interface Case {
  readonly name: string
  readonly scenario: Scenario
  /** Greatest ratio of our time to BIRD's. */
  readonly goal: number
  readonly rules?: number
}

const HERE = import.meta.dirname

const CASES: readonly Case[] = [
  { name: 'mesh of 200 peers, all learned', scenario: { kind: 'mesh', peers: 200, atOnce: 20 }, goal: 1 },
  { name: '100k routes to 1 peer', scenario: { kind: 'table', peers: 2, routes: 100_000 }, goal: 1 },
  { name: '100k routes to 10 peers', scenario: { kind: 'table', peers: 11, routes: 100_000 }, goal: 1 },
  {
    name: '100k routes to 10 peers, 10 rules',
    scenario: { kind: 'table', peers: 11, routes: 100_000 },
    goal: 1,
    rules: 10,
  },
]

const FULL: readonly Case[] = [
  { name: '500k routes to 1 peer', scenario: { kind: 'table', peers: 2, routes: 500_000 }, goal: 1.25 },
  { name: '500k routes to 10 peers', scenario: { kind: 'table', peers: 11, routes: 500_000 }, goal: 0.2 },
  { name: 'mesh of 2000 peers, all learned', scenario: { kind: 'mesh', peers: 2000, atOnce: 50 }, goal: 1 },
]

/** Two namespaces; the tester's has all addresses that peers may have. */
function makeNetwork(): Link {
  const link = { ours: `pr-bgp-bench-d-${process.pid}`, theirs: `pr-bgp-bench-t-${process.pid}` }
  for (const name of [link.ours, link.theirs]) {
    ip('netns', 'add', name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  ip('-n', link.ours, 'link', 'add', 'bench', 'type', 'veth', 'peer', 'name', 'bench', 'netns', link.theirs)
  ip('-n', link.ours, 'address', 'add', `${DEVICE_ADDRESS}/16`, 'dev', 'bench')
  ip('-n', link.theirs, 'address', 'add', '10.98.0.2/16', 'dev', 'bench')
  for (const name of [link.ours, link.theirs]) ip('-n', name, 'link', 'set', 'bench', 'up')
  ip('-n', link.theirs, 'route', 'add', 'local', '10.98.128.0/17', 'dev', 'bench')
  // Two thousand neighbours are more than the kernel's neighbour table holds by default.
  for (const name of [link.ours, link.theirs])
    ip(
      'netns',
      'exec',
      name,
      'sh',
      '-c',
      'for t in 1 2 3; do echo 65536 > /proc/sys/net/ipv4/neigh/default/gc_thresh$t; done 2>/dev/null; true',
    )
  return link
}

async function runTester(link: Link, scenario: Scenario): Promise<Measured> {
  const text = await new Promise<string>((resolve, reject) => {
    const child = spawn(
      'ip',
      ['netns', 'exec', link.theirs, process.execPath, join(HERE, 'bgp-tester.ts'), JSON.stringify(scenario)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      out += part
    })
    child.on('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`the tester ended with ${code}`)),
    )
  })
  return JSON.parse(text) as Measured
}

async function runOurs(link: Link, { scenario, rules = 0 }: Case): Promise<Sample> {
  const device = new NamespaceProcess(link.ours, process.execPath, [
    join(HERE, 'bgp-device.ts'),
    String(scenario.peers),
    String(rules),
  ])
  try {
    await eventually(
      () => device.text,
      (text) => text.includes('ready'),
    )
    const { seconds } = await runTester(link, scenario)
    return { seconds, cpu: cpuSeconds(device.pid), rss: residentMegabytes(device.pid) }
  } finally {
    await device.stop('SIGKILL')
  }
}

async function runBird(link: Link, { scenario }: Case): Promise<Sample> {
  const directory = temporaryDirectory('bench-bird')
  const config = join(directory.path, 'bird.conf')
  const control = join(directory.path, 'bird.ctl')
  writeFileSync(config, birdConfiguration(scenario.peers))
  const device = new NamespaceProcess(link.ours, 'bird', ['-f', '-c', config, '-s', control])
  try {
    await eventually(
      () => output('birdc', ['-s', control, 'show', 'status']),
      (text) => text.includes('Daemon is up'),
    )
    const { seconds } = await runTester(link, scenario)
    return { seconds, cpu: cpuSeconds(device.pid), rss: residentMegabytes(device.pid) }
  } finally {
    await device.stop()
    directory.remove()
  }
}

function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) / 1024
}

/** User and system time of a process so far; the kernel counts in hundredths of a second. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function measure(link: Link, item: Case, rounds: number): Promise<void> {
  const ours: Sample[] = []
  const bird: Sample[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(await runOurs(link, item))
    bird.push(await runBird(link, item))
  }
  const of = (samples: readonly Sample[], key: keyof Sample) => median(samples.map((sample) => sample[key]))
  report({
    name: item.name,
    unit: 's',
    ours: of(ours, 'seconds'),
    peer: of(bird, 'seconds'),
    goal: { kind: 'ratio', value: item.goal },
  })
  report({ name: `${item.name}: CPU`, unit: 's', ours: of(ours, 'cpu'), peer: of(bird, 'cpu') })
  report({ name: `${item.name}: memory`, unit: 'MB', ours: of(ours, 'rss'), peer: of(bird, 'rss') })
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    full: { type: 'boolean' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const link = makeNetwork()
try {
  const cases = [...CASES, ...(values.full ? FULL : [])].filter(({ name }) =>
    name.includes(values.only ?? ''),
  )
  for (const item of cases) await measure(link, item, Number(values.rounds))
} finally {
  for (const name of [link.ours, link.theirs]) ip('netns', 'delete', name)
}

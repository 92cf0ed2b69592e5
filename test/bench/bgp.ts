// Our speaker against Debian's bird2 and GoBGP in the same run. `npm run bench:bgp [-- --json] [--full] [--rounds N] [--only TEXT]`
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ip, type Link } from '../interop/support/link.ts'
import { CASES, type Case, FULL } from './bgp-cases.ts'
import { type DeviceName, startDevice } from './bgp-devices.ts'
import { DEVICE_ADDRESS, type FromTester, type Scenario } from './bgp-scenario.ts'
import { median, report } from './report.ts'

interface Sample {
  readonly seconds: number
  /** CPU time of the device, seconds: all of it, or that of the part that is looked at where the scenario has one. */
  readonly cpu: number
  /** Resident memory of the device at the end, and before any peer, MB. */
  readonly rss: number
  readonly base: number
}

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
  // By one gateway: two thousand neighbours are more than the kernel's table of them holds.
  ip('-n', link.ours, 'route', 'add', '10.98.128.0/17', 'via', '10.98.0.2', 'dev', 'bench')
  return link
}

/** Plays the scenario's peers; `heard` is called when the part that is looked at begins, and when it ends. */
async function runTester(
  link: Link,
  scenario: Scenario,
  heard: (message: FromTester) => void,
): Promise<void> {
  const program = join(import.meta.dirname, 'bgp-tester.ts')
  const args = ['netns', 'exec', link.theirs, process.execPath, program, JSON.stringify(scenario)]
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    const lines = (text + part).split('\n')
    text = lines.pop()!
    for (const line of lines) heard(JSON.parse(line) as FromTester)
  })
  const code = await new Promise<number | null>((resolve) => void child.on('close', resolve))
  if (code !== 0) throw new Error(`the tester ended with ${code}`)
}

async function sample(name: DeviceName, link: Link, { scenario, rules = 0 }: Case): Promise<Sample> {
  const device = await startDevice(name, link, scenario.peers, rules)
  try {
    const base = device.memory()
    let before = 0
    let result: Sample | undefined
    await runTester(link, scenario, (message) => {
      if (message.kind === 'begun') before = device.cpu()
      else result = { seconds: message.seconds, cpu: device.cpu() - before, rss: device.memory(), base }
    })
    if (result === undefined) throw new Error('the tester measured nothing')
    return result
  } finally {
    await device.stop()
  }
}

/** Medians of `rounds` samples of each device, taken in turns. */
async function samples(
  link: Link,
  item: Case,
  rounds: number,
): Promise<Readonly<Partial<Record<DeviceName, Sample>>>> {
  const taken: Partial<Record<DeviceName, Sample[]>> = {}
  for (let round = 0; round < rounds; round++) {
    for (const name of ['ours', ...item.against] as const) {
      // What takes GoBGP minutes is not worth doing again.
      if (name === 'GoBGP' && round > 0) continue
      const list = taken[name] ?? []
      taken[name] = list
      list.push(await sample(name, link, item))
    }
  }
  const of = (list: readonly Sample[], key: keyof Sample) => median(list.map((each) => each[key]))
  return Object.fromEntries(
    Object.entries(taken).map(([name, list]) => [
      name,
      { seconds: of(list, 'seconds'), cpu: of(list, 'cpu'), rss: of(list, 'rss'), base: of(list, 'base') },
    ]),
  )
}

/** Seconds of cases that others are compared with, by name. */
const paced = new Map<string, number>()

async function measure(link: Link, item: Case, rounds: number): Promise<void> {
  const { name, goals, scenario } = item
  const { ours, BIRD: bird, GoBGP: gobgp } = await samples(link, item, rounds)
  if (ours === undefined) throw new Error(`${name}: not measured`)
  paced.set(name, ours.seconds)
  const line = (
    what: string,
    unit: string,
    mine: number,
    peer: number | undefined,
    goal: number | undefined,
  ) =>
    report({
      name: `${name}${what}`,
      unit,
      ours: mine,
      ...(peer === undefined ? {} : { peer }),
      ...(goal === undefined || peer === undefined ? {} : { goal: { kind: 'ratio', value: goal } }),
    })
  if (scenario.kind !== 'idle') {
    line('', 's', ours.seconds, bird?.seconds, goals.bird)
    if (gobgp !== undefined) line(', against GoBGP', 's', ours.seconds, gobgp.seconds, goals.gobgp)
    if (item.pacedBy !== undefined)
      line(', against itself paced', 's', ours.seconds, paced.get(item.pacedBy.name), item.pacedBy.goal)
  }
  line(': CPU', 's', ours.cpu, bird?.cpu, goals.cpu)
  line(': memory', 'MB', ours.rss, bird?.rss, goals.memory)
  if (goals.bytesPerPrefix !== undefined && scenario.kind === 'table') {
    const bytes = ((ours.rss - ours.base) * (1 << 20)) / scenario.routes
    report({
      name: `${name}: memory of a prefix`,
      unit: 'B',
      ours: bytes,
      goal: { kind: 'max', value: goals.bytesPerPrefix },
    })
  }
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    full: { type: 'boolean' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
})
const link = makeNetwork()
try {
  const cases = [...CASES, ...(values.full ? FULL : [])].filter(({ name }) => name.includes(values.only))
  for (const item of cases) await measure(link, item, Number(values.rounds))
} finally {
  for (const name of [link.ours, link.theirs]) ip('netns', 'delete', name)
}

// Our speaker against Debian's bird2 and GoBGP in the same run.
import { installPackages } from '../../lab/prerequisites.ts'
import type { Link } from '../interop/support/link.ts'
import { CASES, type Case, FULL } from './bgp-cases.ts'
import type { DeviceName } from './bgp-devices.ts'
import { makeNetwork, removeNetwork, type Sample, sample } from './bgp-sample.ts'
import { benchOptions } from './options.ts'
import { begin, type Figure, median, report } from './report.ts'

const USAGE = `bench:bgp [-- OPTION…]
  --json               a line of JSON for each figure
  --full               the large cases as well
  --rounds N           samples of each device (default 3)
  --only TEXT          cases whose name contains it
  --without A,B        devices that are not measured: BIRD, GoBGP
  --profile FOLDER     a processor profile of ours, there`

const { values: options } = benchOptions(USAGE, {
  options: {
    json: { type: 'boolean' },
    full: { type: 'boolean' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    without: { type: 'string', default: '' },
    profile: { type: 'string' },
  },
})
const without = options.without.split(',')

/** Medians of `rounds` samples of each device, taken in turns. */
async function samples(
  link: Link,
  item: Case,
  rounds: number,
): Promise<Readonly<Partial<Record<DeviceName, Sample>>>> {
  const taken: Partial<Record<DeviceName, Sample[]>> = {}
  const devices = ['ours', ...item.against].filter((name) => !without.includes(name)) as DeviceName[]
  const givenUp: DeviceName[] = []
  for (let round = 0; round < rounds; round++) {
    for (const name of devices) {
      if (name === 'GoBGP' && round > 0 && item.gobgpInAllRounds !== true) continue
      // What did not end once is not waited for again.
      if (givenUp.includes(name)) continue
      const list = taken[name] ?? []
      taken[name] = list
      try {
        list.push(await sample(name, link, item, options.profile))
      } catch (error) {
        if (name === 'ours') throw error
        missed++
        process.stderr.write(`${item.name}: ${name} is given up: ${(error as Error).message}\n`)
        givenUp.push(name)
      }
    }
  }
  const of = (list: readonly Sample[], key: keyof Sample) => median(list.map((each) => each[key]))
  return Object.fromEntries(
    Object.entries(taken)
      .filter(([, list]) => list.length > 0)
      .map(([name, list]) => [
        name,
        { seconds: of(list, 'seconds'), cpu: of(list, 'cpu'), rss: of(list, 'rss'), base: of(list, 'base') },
      ]),
  )
}

/** Seconds of cases that others are compared with, by name. */
const paced = new Map<string, number>()
let missed = 0

/** A figure of ours beside a peer's, and the greatest ratio that is wanted. */
function compare(
  name: string,
  unit: string,
  ours: number,
  peer: number | undefined,
  goal: number | undefined,
): void {
  print({
    name,
    unit,
    ours,
    ...(peer === undefined ? {} : { peer }),
    ...(goal === undefined || peer === undefined ? {} : { goal: { kind: 'ratio', value: goal } }),
  })
}

function print(figure: Figure): void {
  if (report(figure).verdict === 'missed') missed++
}

async function measure(link: Link, item: Case, rounds: number): Promise<void> {
  const { name, goals, scenario } = item
  begin(name)
  const { ours, BIRD: bird, GoBGP: gobgp } = await samples(link, item, rounds)
  if (ours === undefined) throw new Error(`${name}: not measured`)
  paced.set(name, ours.seconds)
  if (scenario.kind !== 'idle') {
    const [unit, factor] = scenario.kind === 'latency' ? ['ms', 1000] : ['s', 1]
    const theirs = (sample: Sample | undefined) =>
      sample === undefined ? undefined : sample.seconds * factor
    compare(name, unit, ours.seconds * factor, theirs(bird), goals.bird)
    if (gobgp !== undefined)
      compare(`${name}, against GoBGP`, unit, ours.seconds * factor, theirs(gobgp), goals.gobgp)
    if (item.pacedBy !== undefined)
      compare(
        `${name}, against itself paced`,
        's',
        ours.seconds,
        paced.get(item.pacedBy.name),
        item.pacedBy.goal,
      )
  }
  if (scenario.kind === 'latency') return
  compare(`${name}: CPU`, 's', ours.cpu, bird?.cpu, goals.cpu)
  compare(`${name}: memory`, 'MB', ours.rss, bird?.rss, goals.memory)
  if (goals.bytesPerPrefix !== undefined && scenario.kind === 'table') {
    const bytes = ((ours.rss - ours.base) * (1 << 20)) / scenario.routes
    const goal = { kind: 'max' as const, value: goals.bytesPerPrefix }
    print({ name: `${name}: memory of a prefix`, unit: 'B', ours: bytes, goal })
  }
}

await installPackages()
const link = makeNetwork()
try {
  const cases = [...CASES, ...(options.full ? FULL : [])].filter(({ name }) => name.includes(options.only))
  for (const item of cases) await measure(link, item, Number(options.rounds))
  process.stderr.write(`${missed} missed\n`)
} finally {
  removeNetwork(link)
}

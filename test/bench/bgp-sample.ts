// One device in one scenario: starts both sides, lets the tester play, and looks at what the device has used.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ip, type Link } from '../interop/support/link.ts'
import type { Case } from './bgp-cases.ts'
import { type Device, type DeviceName, startDevice } from './bgp-devices.ts'
import { type FromTester, LINK, type Scenario } from './bgp-scenario.ts'

export interface Sample {
  readonly seconds: number
  /** CPU time of the device, seconds: all of it, or that of the part that is looked at where the scenario has one. */
  readonly cpu: number
  /** Resident memory of the device when it is quiet at the end, and before any peer, MB. */
  readonly rss: number
  readonly base: number
}

/** Milliseconds between two looks at a device, and how long it must have done nothing to be quiet. */
const LOOK = 20
const QUIET = 500
/** Of a look's time: less is nothing. */
const BUSY = 0.1
/** Milliseconds after which a device is not waited for any more. */
const PATIENCE = 60_000
/** Seconds that a scenario may take where it says nothing. */
const GIVE_UP = 60

/** Two namespaces; the tester's has all addresses that peers may have. */
export function makeNetwork(): Link {
  const link = { ours: `pr-bgp-bench-d-${process.pid}`, theirs: `pr-bgp-bench-t-${process.pid}` }
  for (const name of [link.ours, link.theirs]) {
    ip('netns', 'add', name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  ip('-n', link.ours, 'link', 'add', 'bench', 'type', 'veth', 'peer', 'name', 'bench', 'netns', link.theirs)
  // To use an IPv6 address for a connection a local route is not enough.
  ip('netns', 'exec', link.theirs, 'sysctl', '-q', '-w', 'net.ipv6.ip_nonlocal_bind=1')
  for (const { device, tester, prefixLength } of Object.values(LINK)) {
    const flags = device.includes(':') ? ['nodad'] : []
    ip('-n', link.ours, 'address', 'add', `${device}/${prefixLength}`, 'dev', 'bench', ...flags)
    ip('-n', link.theirs, 'address', 'add', `${tester}/${prefixLength}`, 'dev', 'bench', ...flags)
  }
  for (const name of [link.ours, link.theirs]) ip('-n', name, 'link', 'set', 'bench', 'up')
  for (const { tester, peers } of Object.values(LINK)) {
    ip('-n', link.theirs, 'route', 'add', 'local', peers, 'dev', 'bench')
    // By one gateway: two thousand neighbours are more than the kernel's table of them holds.
    ip('-n', link.ours, 'route', 'add', peers, 'via', tester, 'dev', 'bench')
  }
  return link
}

export function removeNetwork(link: Link): void {
  for (const name of [link.ours, link.theirs]) ip('netns', 'delete', name)
}

export async function sample(
  name: DeviceName,
  link: Link,
  { scenario, rules, patience = GIVE_UP }: Case,
  profile?: string,
): Promise<Sample> {
  const { family, peers } = scenario
  const device = await startDevice(name, link, { family, peers, rules: rules === true, profile })
  try {
    return await observe(device, link, scenario, patience)
  } finally {
    await device.stop()
  }
}

async function observe(device: Device, link: Link, scenario: Scenario, patience: number): Promise<Sample> {
  const base = device.memory()
  const untilQuiet = scenario.kind === 'table' && scenario.peers === 1
  let before = 0
  let begun = 0
  const tester = new Tester(link, scenario, patience)
  tester.onMessage = ({ kind }) => {
    if (kind !== 'begun') return
    before = device.cpu()
    begun = performance.now()
  }
  try {
    let seconds = await tester.measured
    const cpu = device.cpu() - before
    if (untilQuiet) await tester.sent
    const end = await quiet(device)
    if (untilQuiet) seconds = (end - begun) / 1000
    return { seconds, cpu: untilQuiet ? device.cpu() - before : cpu, rss: device.memory(), base }
  } finally {
    await tester.end()
  }
}

/** When the device had done its work: in the last look at it that was not idle, as long after its beginning as it used the processor. */
async function quiet(device: Device): Promise<number> {
  const started = performance.now()
  let last = started
  let used = device.cpu()
  for (let now = started; now - last < QUIET && now - started < PATIENCE; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK))
    const after = device.cpu()
    const passed = performance.now() - now
    const busy = (after - used) * 1000
    if (busy > BUSY * passed) last = now + Math.min(busy, passed)
    now += passed
    used = after
  }
  return last
}

/** The process that plays the scenario's peers. */
class Tester {
  onMessage: (message: FromTester) => void = () => {}
  readonly measured: Promise<number>
  readonly sent: Promise<void>
  readonly #listeners: ((message: FromTester) => void)[] = [(message) => this.onMessage(message)]
  readonly #ended: Promise<void>
  readonly #child

  constructor(link: Link, scenario: Scenario, patience: number) {
    const program = join(import.meta.dirname, 'bgp-tester.ts')
    const args = [
      'netns',
      'exec',
      link.theirs,
      process.execPath,
      program,
      JSON.stringify(scenario),
      String(patience),
    ]
    const child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    this.#ended = new Promise((resolve) => void child.on('close', () => resolve()))
    const failed = new Promise<never>((_, reject) => {
      child.on('close', (code) => reject(new Error(`the tester ended with ${code}`)))
      this.#listeners.push((message) => {
        if (message.kind === 'given-up') reject(new Error(message.reason))
      })
    })
    failed.catch(() => {})
    const said = <T>(pick: (message: FromTester) => T | undefined) => {
      const heard = new Promise<T>((resolve) => {
        this.#listeners.push((message) => {
          const value = pick(message)
          if (value !== undefined) resolve(value)
        })
      })
      return Promise.race([heard, failed])
    }
    this.measured = said((message) => (message.kind === 'measured' ? message.seconds : undefined))
    this.sent = said((message) => (message.kind === 'sent' ? true : undefined)).then(() => {})
    this.sent.catch(() => {})
    this.#listen()
  }

  #listen(): void {
    let text = ''
    this.#child.stdout.setEncoding('utf8').on('data', (part: string) => {
      const lines = (text + part).split('\n')
      text = lines.pop()!
      for (const line of lines) for (const heard of this.#listeners) heard(JSON.parse(line) as FromTester)
    })
  }

  /** Lets its peers go. */
  async end(): Promise<void> {
    this.#child.stdin.end()
    await this.#ended
  }
}

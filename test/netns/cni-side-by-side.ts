// Runs the same configuration on ours and on the reference plugins and compares results and the kernel's state.

import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { buildReferencePlugins } from '../../lab/tools/reference-plugins.ts'
import type { Answer, Json } from '../../packages/cni/testing/world.ts'
import type { Case } from './cni-cases.ts'
import { normalize, settle, stateOf } from './cni-state.ts'
import { buildPlugins, NetnsWorld } from './cni-world.ts'

const NETWORK = 'side'

/** Results that are better than the reference's on purpose: what of theirs is set right before they are compared. */
const BETTER_RESULTS: Readonly<Record<string, { why: string; correct(json: Json): Json }>> = {
  'loopback in 0.3.1 and 0.4.0': {
    why: 'these versions demand each address’s `version`, and print `dns` always: the reference does not convert',
    correct: (json) => ({
      ...json,
      dns: {},
      ips: json.ips!.map((ip) => ({ ...ip, version: ip.address.includes(':') ? '6' : '4' })),
    }),
  },
}

/**
 * portmap's masquerading by nftables, which is another one on purpose: the reference's leaves out the other containers of
 * the bridge, and with masqAll it hides who asks the container itself. Ours tells by its port what was mapped.
 */
const BETTER_MASQUERADING = [
  /^ip6? saddr (\S+) ip6? daddr \1 masquerade/,
  /^ip6? saddr (0\.0\.0\.0|::)\/0 .* masquerade/,
  /^ip.* ct status dnat .* ct original proto-dst \d+ .*masquerade/,
]

/** A state without the rules that are compared by traffic only (cni-traffic.test.ts). */
function withoutBetterRules(state: unknown): unknown {
  const better = (rule: unknown) =>
    typeof rule === 'string' && BETTER_MASQUERADING.some((pattern) => pattern.test(rule))
  return JSON.parse(JSON.stringify(state), (_, value: unknown) =>
    Array.isArray(value) ? value.filter((item) => !better(item)) : value,
  )
}

/** Failures whose code is not the reference's on purpose. */
const BETTER_FAILURES: Readonly<Record<string, string>> = {}

function correct(c: Case, json: Json | undefined): Json | undefined {
  const name =
    c.plugin === 'loopback' && ['0.3.1', '0.4.0'].includes(c.version ?? '')
      ? 'loopback in 0.3.1 and 0.4.0'
      : ''
  return json === undefined ? undefined : (BETTER_RESULTS[name]?.correct(json) ?? json)
}

function configOf(world: NetnsWorld, c: Case, previous?: Json): object {
  const ipam =
    c.ipam === null || c.ipam === undefined
      ? {}
      : { ipam: { type: 'host-local', dataDir: world.data, ...c.ipam } }
  const plugin = c.plugin ?? 'bridge'
  return {
    cniVersion: c.version ?? '1.0.0',
    name: NETWORK,
    type: plugin,
    ...(plugin === 'bridge' ? { bridge: 'side0' } : {}),
    ...ipam,
    ...c.config,
    ...(previous === undefined ? {} : { prevResult: previous }),
  }
}

interface Run {
  readonly world: NetnsWorld
  readonly containers: string[]
  readonly added: Answer[]
}

function call(run: Run, c: Case, command: string, index: number, previous?: Json): Answer {
  return run.world.run(c.plugin ?? 'bridge', {
    command,
    containerId: `container${index}`,
    netns: run.containers[index]!,
    interfaceName: c.plugin === 'loopback' ? 'lo' : (c.interfaceName ?? 'eth0'),
    config: configOf(run.world, c, previous),
    ...(c.args === undefined ? {} : { args: c.args }),
  })
}

function start(world: NetnsWorld, c: Case): Run {
  const containers = Array.from({ length: c.containers ?? 1 }, (_, i) => world.addContainer(`c${i}`))
  c.prepare?.(world, containers[0]!)
  const run: Run = { world, containers, added: [] }
  for (const index of containers.keys()) run.added.push(call(run, c, 'ADD', index))
  return run
}

/** The same in both worlds, then the time that both kernels need. */
function startBoth(first: NetnsWorld, second: NetnsWorld, c: Case): [Run, Run] {
  const runs: [Run, Run] = [start(first, c), start(second, c)]
  for (const run of runs) settle(run.world, ['host', ...run.containers])
  return runs
}

const resultsOf = (run: Run, fix: (json: Json | undefined) => Json | undefined = (json) => json) =>
  normalize(
    run.added.map((answer) => fix(answer.json)),
    run.world,
  )

/** Answers to a later command: status and code. */
const later = (run: Run, c: Case, command: string) =>
  run.containers.map((_, index) => {
    const previous = command === 'CHECK' ? run.added[index]!.json : undefined
    const answer = call(run, c, command, index, previous)
    return { status: answer.status, code: answer.json?.code }
  })

const CONTENT = { status: 0, code: undefined }
const DISCONTENT = { status: 1, code: 999 }

function expectSameChecks(ours: Run, theirs: Run, c: Case, better: string | undefined): void {
  const [our, their] = [later(ours, c, 'CHECK'), later(theirs, c, 'CHECK')]
  if (better === undefined) expect(our).to.deep.equal(their)
  else expect([...our, ...their], better).to.deep.equal([CONTENT, DISCONTENT])
}

const hasCheck = (c: Case) => !['0.1.0', '0.2.0', '0.3.0', '0.3.1'].includes(c.version ?? '1.0.0')

/** Plugins that ours are compared with. What of theirs differs everywhere is set right before it is compared. */
export interface Peer {
  directory(): string | Promise<string>
  correctResult(json: Json): Json
  /** Of both kernels' states, as JSON: what cannot be compared is taken out. */
  comparable(text: string): string
  /** Why its CHECK fails on what its own ADD made, where ours is content. */
  betterCheck(c: Case): string | undefined
}

const NEWEST: Peer = {
  directory: buildReferencePlugins,
  correctResult: (json) => json,
  comparable: (text) => text,
  betterCheck: () => undefined,
}

/** Declares the comparison of every case, within the caller's `describe`. */
export function describeSideBySide(cases: readonly Case[], peer: Peer = NEWEST): void {
  let plugins = ''
  let reference = ''
  const worlds: NetnsWorld[] = []
  const world = (directory: string) => {
    const made = new NetnsWorld(directory)
    worlds.push(made)
    return made
  }
  before(async function () {
    this.timeout(600_000)
    plugins = buildPlugins()
    reference = await peer.directory()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  afterEach(() => {
    for (const made of worlds.splice(0)) made.dispose()
  })

  const theirResult = (c: Case) => (json: Json | undefined) => json && peer.correctResult(correct(c, json)!)
  const stateNow = (run: Run): unknown =>
    JSON.parse(
      peer.comparable(JSON.stringify(withoutBetterRules(stateOf(run.world, run.containers, NETWORK)))),
    )

  for (const c of cases.filter((candidate) => !candidate.fails))
    it(`${c.plugin ?? 'bridge'}: ${c.name}`, () => {
      const [ours, theirs] = startBoth(world(plugins), world(reference), c)
      for (const answer of theirs.added) expect(answer.status, `reference: ${answer.output}`).to.equal(0)
      for (const answer of ours.added) expect(answer.status, answer.output + answer.error).to.equal(0)
      expect(resultsOf(ours)).to.deep.equal(resultsOf(theirs, theirResult(c)))
      expect(stateNow(ours)).to.deep.equal(stateNow(theirs))
      if (hasCheck(c)) expectSameChecks(ours, theirs, c, c.betterCheck ?? peer.betterCheck(c))
      expect(later(ours, c, 'DEL')).to.deep.equal(later(theirs, c, 'DEL'))
      expect(stateNow(ours)).to.deep.equal(stateNow(theirs))
    })

  for (const c of cases.filter((candidate) => candidate.fails))
    it(`${c.plugin ?? 'bridge'} refuses: ${c.name}`, () => {
      const [ours, theirs] = [start(world(plugins), c), start(world(reference), c)]
      const [our, their] = [ours, theirs].map((run) => run.added.at(-1)!) as [Answer, Answer]
      expect(our.status, our.output).to.equal(1)
      if (BETTER_FAILURES[c.name] === undefined) {
        expect(their.status, their.output).to.equal(1)
        expect(our.json?.code, `${our.output} ${their.output}`).to.equal(their.json?.code)
      }
      const veths = ours.world.links('host').filter((link) => link.kind === 'veth')
      expect(veths, 'nothing stays').to.deep.equal([])
    })
}

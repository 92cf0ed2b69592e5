import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClusterState } from '@podroute/cluster/state.ts'
import type { FeatureContext } from '@podroute/feature/feature.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { adminPages } from './admin/pages.ts'
import type { StatusReport } from './admin/reports.ts'
import { Agent } from './agent.ts'
import { parseFlags } from './config/flags.ts'
import { loadConfig } from './config/load.ts'
import { RunningFeatures } from './running-features.ts'
import { toy } from './testing/toy/feature.ts'

const DEFINITIONS = [toy]

async function statusOf({ state }: Agent): Promise<StatusReport> {
  return JSON.parse((await adminPages(state)('/status'))!.body)
}

describe('the agent', () => {
  let directory: string
  let socket: string
  /** What happened, in its order. */
  let events: string[]
  const agents: Agent[] = []

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-agent-'))
    socket = join(directory, 'podroute.sock')
    events = []
    toy.made.length = 0
  })
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })

  const read = (text: string) => {
    const flags = parseFlags(['--node-name', 'node-1', '--admin-socket', socket], {}, [toy.section])
    return loadConfig(flags, DEFINITIONS, () => `health: { port: 0 }\nmetrics: { port: 0 }\n${text}`)
  }
  const make = (text = '') => {
    const clock = new ManualClock()
    const config = read(text)
    let agent: Agent
    const features = new RunningFeatures({
      definitions: DEFINITIONS,
      shared: {
        ...{ nodeName: 'node-1', stateDirectory: '/run/test' },
        ...{ cluster: new ClusterState(), clock, random: () => 0, log: silent },
        store: () => ({ load: () => undefined, save() {} }),
        reserved: new ReservedAddresses(),
        served: new ServedAddresses(),
        podPrefixes: new PodPrefixes(),
        kernel: () => Promise.reject(new Error('no kernel here')),
        events: { record() {} } as FeatureContext['events'],
        writer: () => Promise.reject(new Error('unused')),
      },
      log: silent,
      changed: () => agent.updateListeners(),
      largeFirstSync() {},
      synced: () => void events.push('synced'),
      async removeFormer() {},
    })
    agent = new Agent({
      ...{ nodeName: 'node-1', config, version: '1', log: silent, clock, features },
      following: { [Symbol.dispose]: () => void events.push('following ends') },
      cluster: {
        start: () => void events.push('cluster starts'),
        watches: () => [],
        async [Symbol.asyncDispose]() {
          events.push('cluster ends')
        },
      },
      record: { runs: { starts: 1 }, begin: () => void events.push('recorded') },
      ...{ nodeAddresses: [], reviews: { guard: (handler) => handler } },
      pages: [],
      noise: () => ({ events: { said: 0, heldBack: 0 }, linesHeldBack: 0 }),
      ...{ apiServer: () => '', shownConfig: () => ({}) },
      conditions: () => [{ name: 'configuration', ok: true, detail: '' }],
    })
    agents.push(agent)
    return { agent, features }
  }

  it('asks the API server before it knows that it is alone, and touches the node afterwards', async () => {
    const { agent } = make()
    await agent.start()
    expect(events).to.deep.equal(['cluster starts', 'recorded', 'synced'])
    expect(toy.made[0]?.events).to.deep.equal(['prepare', 'start red'])
  })

  it('does nothing to the node, and records nothing, where another agent runs', async () => {
    await make().agent.start()
    events.length = 0
    const error = await make()
      .agent.start()
      .catch((e: unknown) => e)
    expect(error).to.deep.include({ code: 'another-agent' })
    expect(events).to.deep.equal(['cluster starts'])
    expect(toy.made[1]?.events).to.deep.equal(['prepare'])
  })

  it('says what its features, its listeners and its configuration lack', async () => {
    const { agent } = make('toy: { colour: grey }')
    await agent.start()
    const { conditions, ready, runs } = await statusOf(agent)
    expect(conditions.map(({ name, ok }) => [name, ok])).to.deep.equal([
      ['toy', false],
      ['listeners', true],
      ['writes', true],
      ['configuration', true],
    ])
    expect([ready, runs]).to.deep.equal([false, { starts: 1 }])
  })

  it('puts a changed configuration into effect, also where it is asked', async () => {
    const { agent, features } = make()
    await agent.start()
    const before = socket
    socket = join(directory, 'moved.sock')
    expect(agent.configure(read('toy: { rooms: 2 }'))).to.have.length(1)
    await features.settled
    await agent.settled
    expect([before, socket].map(existsSync)).to.deep.equal([false, true])
    agent.configure(read('toy: { enabled: false }'))
    await features.settled
    expect((await statusOf(agent)).summary).to.deep.equal([])
  })

  it('ends what it began, and is heard no more', async () => {
    const { agent } = make()
    await agent.start()
    await agent[Symbol.asyncDispose]()
    expect(events.slice(-2)).to.deep.equal(['following ends', 'cluster ends'])
    expect(toy.made[0]?.events.at(-1)).to.equal('dispose')
    expect(existsSync(socket)).to.equal(false)
  })
})

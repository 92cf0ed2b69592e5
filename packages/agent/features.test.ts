import { ClusterState } from '@podroute/cluster/state.ts'
import type { FeatureContext } from '@podroute/feature/feature.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { adminPages } from './admin/pages.ts'
import { parseFlags, usage } from './config/flags.ts'
import { loadConfig } from './config/load.ts'
import type { ConfigError } from './errors.ts'
import { FEATURES } from './features.ts'
import { healthPages } from './health.ts'
import { createRegistry } from './metrics/registry.ts'
import { RunningFeatures } from './running-features.ts'
import { type Toy, toy } from './testing/toy/feature.ts'

/** The one line that a new feature costs. */
const DEFINITIONS = [...FEATURES, toy]
/** Only the toy's life is looked at here. */
const ALONE = [toy]

const read = (text: string, args: readonly string[] = [], definitions = DEFINITIONS) =>
  loadConfig(
    parseFlags(['--node-name', 'node-1', '--config', 'file', ...args], {}, sectionsOf(definitions)),
    definitions,
    (path) => {
      if (path === 'file') return text
      if (path === 'secret') return 'hush\n'
      throw new Error('no such file')
    },
  )

function sectionsOf(definitions: typeof DEFINITIONS) {
  return definitions.map(({ section }) => section)
}

function problemsOf(text: string): readonly string[] {
  try {
    read(text)
    return []
  } catch (error) {
    return (error as ConfigError).problems
  }
}

/** Nothing is followed by a toy. */
const cluster = new ClusterState()

/** Whether what earlier versions left stays. */
const former = { fails: false }

function run() {
  const said: string[] = []
  const clock = new ManualClock()
  const features = new RunningFeatures({
    definitions: ALONE,
    shared: {
      ...{ nodeName: 'node-1', stateDirectory: '/run/test' },
      ...{ cluster, clock, random: () => 0, log: silent },
      store: () => ({ load: () => undefined, save() {} }),
      reserved: new ReservedAddresses(),
      served: new ServedAddresses(),
      podPrefixes: new PodPrefixes(),
      kernel: () => Promise.reject(new Error('no kernel here')),
      events: { record() {} } as FeatureContext['events'],
      writer: () => Promise.reject(new Error('unused')),
    },
    log: silent,
    changed: () => void said.push('changed'),
    largeFirstSync: () => void said.push('large'),
    synced: () => void said.push('synced'),
    async removeFormer({ name }) {
      if (former.fails) throw new Error('nft: busy')
      said.push(`removed former ${name}`)
    },
  })
  const state = {
    version: '1',
    nodeName: 'node-1',
    runs: { starts: 1 },
    apiServer: () => 'https://here',
    pages: [],
    noise: () => ({ events: { said: 0, heldBack: 0 }, linesHeldBack: 0 }),
    watches: () => [],
    features: () => features.list(),
    conditions: () => features.conditions(),
  }
  const configure = (text: string) => features.configure(read(text, [], ALONE).features)
  return { features, said, state, configure, clock }
}

describe('a feature from outside, in the list', () => {
  let made: Toy
  afterEach(() => {
    toy.fails = undefined
    former.fails = false
  })
  const start = async (text = '') => {
    toy.made.length = 0
    const running = run()
    await running.features.create(read(text, [], ALONE).features)
    await running.features.start()
    made = toy.made[0]!
    return running
  }

  it('has its section in the configuration, with defaults, secrets and problems of its own', () => {
    expect(read('').features.get('toy')).to.deep.equal({ colour: 'red', rooms: 1, secret: undefined })
    expect(read('toy: { secretFile: secret }').features.get('toy')).to.deep.include({ secret: 'hush' })
    expect(problemsOf('toy: { colour: invisible, secretFile: none }')).to.deep.equal([
      'toy.colour: nobody could see it',
      'toy.secretFile: cannot read none: no such file',
    ])
    expect(problemsOf('toy: { color: blue }')).to.deep.equal([
      'toy.color: unknown key, did you mean "colour"?',
    ])
  })

  it('has its switch on the command line', () => {
    expect(usage(sectionsOf(DEFINITIONS))).to.include('--run-toy=BOOL')
    expect(read('', ['--run-toy=false']).features.has('toy')).to.equal(false)
    expect(read('toy: { enabled: false }', ['--run-toy=true']).features.has('toy')).to.equal(true)
  })

  it('is started, shown, measured and asked for its health', async () => {
    const { features, state, said } = await start()
    expect(made.events).to.deep.equal(['prepare', 'start red'])
    expect(said).to.deep.equal(['synced'])
    const pages = adminPages(state)
    const page = async (path: string) => JSON.parse((await pages(path))!.body)
    expect((await page('/pages')).pages).to.deep.equal([{ name: 'walls', summary: 'what is painted' }])
    expect(await page('/walls')).to.deep.equal({ colour: 'red' })
    expect((await page('/walls/tables')).tables[0].rows).to.deep.equal([['red']])
    expect(await page('/trials')).to.deep.equal({ trials: [{ hop: 'walls', objects: [], ways: [] }] })
    const status = await page('/status')
    expect(status.summary).to.deep.equal([['walls', 'red']])
    expect(status.tables).to.have.all.keys('toy/walls')
    expect(await createRegistry(state).metrics()).to.include('toy_walls 4\n')
    expect((await healthPages(state)('/readyz'))?.status).to.equal(200)
    await features[Symbol.asyncDispose]()
    expect(made.events.at(-1)).to.equal('dispose')
  })

  it('takes a changed configuration while it runs, and says what of it cannot change', async () => {
    const { configure, state } = await start()
    expect(configure('toy: { colour: grey }')).to.deep.equal([])
    expect(made.events.at(-1)).to.equal('paint grey')
    expect((await healthPages(state)('/readyz'))?.status).to.equal(503)
    expect(configure('toy: { colour: grey, rooms: 2 }')).to.deep.equal([
      'toy.rooms: built with 1, build anew',
    ])
    expect(configure('toy: { colour: grey, rooms: 2 }'), 'said as long as it is so').to.have.length(1)
    expect(configure('toy: { colour: grey }')).to.deep.equal([])
  })

  it('is cleaned up when it is switched off, and made anew when it is switched on', async () => {
    const { configure, features, state } = await start()
    configure('toy: { enabled: false }')
    await features.settled
    expect(made.events.slice(-2)).to.deep.equal(['cleanup', 'dispose'])
    expect(features.list()).to.deep.equal([])
    expect(await adminPages(state)('/walls')).to.equal(undefined)
    configure('toy: { colour: blue }')
    await features.settled
    expect(toy.made[1]?.events).to.include('start blue')
  })

  it('ends as the last configuration says, however often it is switched', async () => {
    const { configure, features } = await start()
    for (const text of ['toy: { enabled: false }', 'toy: { colour: blue }', 'toy: { enabled: false }'])
      configure(text)
    await features.settled
    expect(features.list()).to.deep.equal([])
    configure('toy: { colour: green }')
    configure('toy: { colour: yellow }')
    await features.settled
    expect(features.list().map(({ feature }) => feature.summary())).to.deep.equal([[['walls', 'yellow']]])
  })

  it('is tried again when it cannot be switched on, and not ready until then', async () => {
    const { configure, features, state, clock } = await start('toy: { enabled: false }')
    toy.fails = 'start'
    configure('')
    await features.settled
    expect(features.conditions()).to.deep.equal([
      { name: 'toy', ok: false, detail: 'cannot be switched on: it fails to start' },
    ])
    expect(features.list()).to.deep.equal([])
    expect(toy.made.at(-1)?.events.at(-1)).to.equal('dispose')
    expect((await healthPages(state)('/readyz'))?.status).to.equal(503)
    toy.fails = undefined
    await clock.advance(5000)
    await features.settled
    expect(features.conditions()).to.deep.equal([{ name: 'toy', ok: true, detail: '' }])
    expect(clock.timers).to.equal(0)
  })

  it('is cleaned up again when that failed, unless it is wanted again', async () => {
    const { configure, features, clock } = await start()
    toy.fails = 'cleanup'
    configure('toy: { enabled: false }')
    await features.settled
    expect(features.conditions()[0]?.detail).to.equal('cannot be switched off: it fails to clean up')
    expect(made.events.at(-1)).to.equal('cleanup')
    toy.fails = undefined
    await clock.advance(5000)
    await features.settled
    expect(made.events.slice(-2)).to.deep.equal(['cleanup', 'dispose'])
    expect([features.conditions(), clock.timers]).to.deep.equal([[], 0])
    toy.fails = 'cleanup'
    configure('')
    await features.settled
    configure('toy: { enabled: false }')
    await features.settled
    configure('toy: { colour: blue }')
    await features.settled
    expect(toy.made.map(({ events }) => events.at(-1))).to.deep.equal(['dispose', 'dispose', 'start blue'])
    expect(features.conditions()[0]?.ok).to.equal(true)
  })

  it('says so when it cannot take its settings', async () => {
    const { configure } = await start()
    toy.fails = 'configure'
    expect(configure('toy: { colour: blue }')).to.deep.equal([
      'toy: it fails to configure: restart the agent',
    ])
  })

  it('has the settings of now, though they change while it is made', async () => {
    toy.made.length = 0
    const { features, configure } = run()
    const created = features.create(read('', [], ALONE).features)
    configure('toy: { colour: blue }')
    await created
    await features.start()
    await features.settled
    expect(features.list().map(({ feature }) => feature.summary())).to.deep.equal([[['walls', 'blue']]])
  })

  it('leaves nothing of earlier versions where it is switched off, though no feature runs', async () => {
    const { features, said, configure } = await start('toy: { enabled: false }')
    await features.settled
    expect(features.list()).to.deep.equal([])
    expect(said).to.deep.equal(['removed former toy'])
    configure('toy: { enabled: false, colour: blue }')
    await features.settled
    expect(said, 'once').to.deep.equal(['removed former toy'])
    said.length = 0
    configure('')
    await features.settled
    configure('toy: { enabled: false }')
    await features.settled
    expect(said.filter((text) => text.startsWith('removed'))).to.deep.equal(['removed former toy'])
  })

  it('keeps what earlier versions left for as long as it is wanted, though it fails', async () => {
    toy.fails = 'start'
    const { features, said, clock } = run()
    await features.create(new Map())
    await features.start()
    await features.settled
    said.length = 0
    features.configure(read('', [], ALONE).features)
    await features.settled
    expect(features.conditions()[0]?.detail).to.equal('cannot be switched on: it fails to start')
    await clock.advance(20_000)
    await features.settled
    expect(said.filter((text) => text.startsWith('removed'))).to.deep.equal([])
  })

  it('is tried again, and says so, where something of earlier versions is left', async () => {
    former.fails = true
    const { features, said, clock } = await start('toy: { enabled: false }')
    await features.settled
    expect(features.conditions()).to.deep.equal([
      { name: 'toy', ok: false, detail: 'cannot be switched off: nft: busy' },
    ])
    former.fails = false
    await clock.advance(5000)
    await features.settled
    expect([said, features.conditions()]).to.deep.equal([['removed former toy'], []])
  })

  it('stays off once the agent ends', async () => {
    const { features, configure } = await start('toy: { enabled: false }')
    await features[Symbol.asyncDispose]()
    configure('')
    await features.settled
    expect(toy.made).to.deep.equal([])
  })
})

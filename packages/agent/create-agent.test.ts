import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { expect } from 'chai'
import { eventually } from '../../test/support/eventually.ts'
import type { Agent } from './agent.ts'
import { parseFlags } from './config/flags.ts'
import { createAgent } from './create-agent.ts'
import { ConfigError } from './errors.ts'
import { createLogger } from './log.ts'
import { RunRecord } from './run-record.ts'
import { type ToySettings, toy } from './testing/toy/feature.ts'

const GATEWAY = '192.0.2.1'
/** Nobody answers there. */
const API_SERVER = '127.0.0.1:1'

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: here
clusters: [{ name: here, cluster: { server: "https://${API_SERVER}" } }]
contexts: [{ name: here, context: { cluster: here, user: me } }]
users: [{ name: me, user: { token: secret } }]
`

describe('an agent made from its flags', () => {
  let folder: string
  let kernels: FakeKernel[]
  let contexts: FeatureContext[]
  let lines: string[]
  let wrong: number
  let agent: Agent | undefined

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'podroute-create-'))
    writeFileSync(join(folder, 'kubeconfig'), kubeconfig)
    kernels = []
    contexts = []
    lines = []
    wrong = 0
    toy.made.length = 0
  })
  afterEach(async () => {
    await agent?.[Symbol.asyncDispose]()
    agent = undefined
    rmSync(folder, { recursive: true })
  })

  const definition: FeatureDefinition<ToySettings> = {
    ...toy,
    formerRules: /^toys$/,
    create(context, settings) {
      contexts.push(context)
      return toy.create(context, settings)
    },
  }
  const configure = (text: string) => {
    const own = { health: { port: 0 }, metrics: { port: 0 }, adminSocket: join(folder, 'admin.sock') }
    const all = Object.entries(own).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    writeFileSync(join(folder, 'config.yaml'), `${all.join('')}${text}\n`)
  }
  const make = (...args: readonly string[]) => {
    const paths = [
      ...['--config', join(folder, 'config.yaml'), '--state-directory', join(folder, 'state')],
      ...['--kubeconfig', join(folder, 'kubeconfig'), '--node-name', 'node-1'],
    ]
    const log = createLogger(
      { level: 'info', format: 'text' },
      { write: (line) => void lines.push(line), now: () => new Date(0) },
    )
    agent = createAgent(parseFlags([...paths, ...args], {}, [toy.section]), [definition], {
      log,
      record: new RunRecord({
        store: { load: () => undefined, save() {} },
        bootId: 'a',
        now: () => new Date(0),
      }),
      wrongConfiguration: () => void wrong++,
      openKernel() {
        const kernel = new FakeKernel()
        const route = { family: 4, destination: '0.0.0.0/0', gateway: GATEWAY, type: 'unicast' } as const
        void kernel.routes.apply([{ kind: 'add', route: { ...route, table: 254, protocol: 3, scope: 0 } }])
        void kernel.nft.run('add table inet podroute\nadd chain inet podroute toys\n')
        kernels.push(kernel)
        return kernel
      },
    })
    return agent
  }
  const problem = () => agent?.conditions().find(({ name }) => name === 'configuration')

  it('is none with a wrong configuration where no good one is known: the kernel is left alone', () => {
    configure('toyy: {}')
    expect(() => make())
      .to.throw(ConfigError)
      .with.property('problems')
      .that.has.length(1)
    expect(kernels).to.deep.equal([])
  })

  it('goes on with the last good configuration, says what is wrong, and does not with --strict', async () => {
    configure('toy: { colour: blue }')
    await make()[Symbol.asyncDispose]()
    configure('toy: { colour: 7 }')
    await make().start()
    expect(toy.made[0]?.events).to.deep.equal(['prepare', 'start blue'])
    expect(problem()).to.include({ ok: false }).and.have.property('detail').that.includes('toy.colour')
    expect(wrong).to.equal(0)
    expect(() => make('--strict')).to.throw(ConfigError)
    expect(kernels).to.have.length(2)
  })

  it('gives its features one kernel and one set of reserved addresses: gateways, and where the API server is', async () => {
    configure('')
    await make().start()
    const [context] = contexts
    expect([context?.nodeName, contexts.length, kernels.length]).to.deep.equal(['node-1', 1, 1])
    expect(await context?.kernel()).to.equal(kernels[0])
    await eventually(() => context?.reserved.has(GATEWAY))
    await eventually(() => context?.reserved.has('127.0.0.1'))
  })

  it('takes a changed file while it runs, and keeps the good one when it becomes wrong', async () => {
    configure('')
    await make('--strict').start()
    configure('toy: { colour: green }\nlog: { format: json }')
    await eventually(() => toy.made[0]?.events.includes('paint green'))
    expect(lines.at(-1)).to.match(/^\{.*the configuration has changed/)
    configure('toy: { colour: invisible }')
    await eventually(() => wrong > 0)
    expect(problem()?.detail).to.include('toy.colour: nobody could see it')
    expect(toy.made[0]?.events.at(-1)).to.equal('paint green')
    configure('toy: { colour: white }')
    await eventually(() => toy.made[0]?.events.includes('paint white'))
    expect([problem()?.ok, wrong]).to.deep.equal([true, 1])
  })

  it('removes what an earlier version left of a feature that is switched off', async () => {
    configure('toy: { enabled: false }')
    await make().start()
    await eventually(() => kernels[0]?.nft.tables.size === 0)
    expect(contexts).to.deep.equal([])
  })

  it('leaves to a feature that runs what an earlier version left of it', async () => {
    configure('')
    await make().start()
    await agent?.settled
    expect([...kernels[0]!.nft.tables.keys()]).to.deep.equal(['inet podroute'])
  })
})

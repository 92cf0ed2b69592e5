import type { BaseChain } from '@podroute/linux/nft/chains.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { World } from '../testing/world.ts'
import { droppingChains, isOfIptables, legacyProblem } from './host-chains.ts'

const DROP = 'type filter hook forward priority filter; policy drop;'

describe('forwarding of what pods send and get', () => {
  let world: World
  const condition = () => world.network.conditions().find(({ name }) => name === 'forwarding')
  const rules = (table: string) => world.kernel.nft.tables.get(table)?.chains.get('FORWARD')?.rules ?? []
  const dropAt = async (table: string, chain = 'FORWARD') => {
    await world.kernel.nft.run(`add table ${table}\nadd chain ${table} ${chain} { ${DROP} }\n`)
    world.kernel.changes.tableChanged(table)
    await world.settle()
  }

  beforeEach(async () => {
    world = new World()
    await world.start(testNode(1))
  })
  afterEach(() => world[Symbol.asyncDispose]())

  it('is accepted at the end of the chains of iptables that drop, and put back there', async () => {
    expect(condition()).to.include({ ok: true, advisory: true })
    await dropAt('ip filter')
    await dropAt('ip6 filter')
    expect([...rules('ip filter'), ...rules('ip6 filter')]).to.have.length(4)
    expect(rules('ip filter')[0]).to.equal(
      'iifname "kube-bridge" counter accept comment "podroute iifname kube-bridge"',
    )
    await world.kernel.nft.run('flush chain ip filter FORWARD\n')
    world.kernel.changes.tableChanged('ip filter')
    await world.settle()
    expect(rules('ip filter')).to.have.length(2)
  })

  it('has no rules where nothing drops any more, nor once all is cleaned up', async () => {
    await dropAt('ip filter')
    await dropAt('ip6 filter')
    world.kernel.nft.tables.delete('ip6 filter')
    world.kernel.changes.tableChanged('ip6 filter')
    await world.settle()
    expect([...world.network.pending()]).to.deep.equal([])
    expect(rules('ip filter')).to.have.length(2)
    await world.network.cleanup()
    expect(rules('ip filter')).to.deep.equal([])
  })

  it('keeps the rules of the agent before, without a write', async () => {
    await dropAt('ip filter')
    const before = world.kernel.nft.scripts.filter((script) => script.includes('filter FORWARD')).length
    await world.restart({}, testNode(1))
    expect(world.kernel.nft.scripts.filter((script) => script.includes('filter FORWARD'))).to.have.length(
      before,
    )
    expect(rules('ip filter')).to.have.length(2)
  })

  it('keeps none of them where the policy was changed while no agent ran', async () => {
    await dropAt('ip filter')
    await world.network[Symbol.asyncDispose]()
    const { tables } = world.kernel.nft
    const { rules } = tables.get('ip filter')!.chains.get('FORWARD')!
    expect(rules).to.have.length(2)
    tables.get('ip filter')!.chains.set('FORWARD', { hook: DROP.replace('drop', 'accept'), rules })
    await world.restart({}, testNode(1))
    expect(rules).to.deep.equal([])
  })

  it('is said to be dropped by other tables once, with what to do', async () => {
    await dropAt('inet guard', 'forward')
    world.kernel.changes.tableChanged('inet guard')
    await world.settle()
    const { ok, detail = '' } = condition() ?? {}
    expect(ok).to.equal(false)
    expect(detail).to.include(
      `nft 'add rule inet guard forward iifname "kube-bridge" accept comment "podroute iifname kube-bridge"'`,
    )
    expect(world.events.map(({ reason, note }) => [reason, note])).to.deep.equal([
      ['ForwardingDropped', detail],
    ])
    const commands = [...detail.matchAll(/nft '([^']*)'/g)].map(([, command]) => `${command}\n`)
    await world.kernel.nft.run(commands.join(''))
    world.kernel.changes.tableChanged('inet guard')
    await world.settle()
    expect(condition()?.ok).to.equal(true)
  })

  it('is looked at again for the older iptables, which announces nothing', async () => {
    const nothing = { acceptsFrom: [], acceptsTo: [] }
    world.kernel.legacyChains.set(6, { family: 6, policy: 'drop', ...nothing })
    await world.settle(61_000)
    expect(condition()?.detail).to.equal(
      'the policy of ip6tables-legacy for FORWARD is DROP, also for pods: "ip6tables-legacy -A FORWARD -i kube-bridge -j ACCEPT" and "ip6tables-legacy -A FORWARD -o kube-bridge -j ACCEPT" let them pass',
    )
  })
})

describe('chains of the host', () => {
  const chain: BaseChain = {
    ...{ family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward', policy: 'drop' },
  }

  it('drop what is forwarded by their policy alone', () => {
    const others: BaseChain[] = [
      { ...chain, hook: 'input' },
      { ...chain, policy: 'accept' },
      { ...chain, type: 'nat' },
    ]
    expect(droppingChains([chain, ...others])).to.deep.equal([chain])
  })

  it('are those of iptables in its own tables only', () => {
    expect(isOfIptables(chain)).to.equal(true)
    expect(isOfIptables({ ...chain, family: 'ip6' })).to.equal(true)
    expect(isOfIptables({ ...chain, family: 'inet' })).to.equal(false)
    expect(isOfIptables({ ...chain, name: 'forward' })).to.equal(false)
  })

  it('of the older iptables let pods pass by rules for both directions', () => {
    const legacy = {
      family: 4,
      policy: 'drop',
      acceptsFrom: ['kube-bridge'],
      acceptsTo: ['kube-bridge'],
    } as const
    expect(legacyProblem(legacy, 'kube-bridge')).to.equal(undefined)
    expect(legacyProblem({ ...legacy, acceptsTo: [] }, 'kube-bridge')).to.be.a('string')
    expect(legacyProblem({ ...legacy, policy: 'accept', acceptsTo: [] }, 'kube-bridge')).to.equal(undefined)
  })
})

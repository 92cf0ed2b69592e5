/** Chains of others and the comments of their rules, as nft and iptables write them; and the older iptables. */
import { legacyForward } from '@podroute/linux/legacy-iptables.ts'
import { NftChains } from '@podroute/linux/nft/chains.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { TestNetns } from './linux-support.ts'

describe('chains of others', () => {
  let netns: TestNetns
  let chains: NftChains
  const sh = (script: string) => run('ip', ['netns', 'exec', netns.name, 'sh', '-ec', script])

  beforeEach(async () => {
    netns = await TestNetns.create('chains')
    chains = NftChains.open({ netns: netns.path })
  })
  afterEach(() => {
    chains[Symbol.dispose]()
    netns[Symbol.dispose]()
  })

  it('are read with hook and policy, those that rules lead to left out', async () => {
    await sh(
      `nft 'add table inet guard; add chain inet guard later; add chain inet guard forward { type filter hook forward priority 0; policy drop; }'
       nft 'add table bridge b; add chain bridge b f { type filter hook forward priority 0; policy drop; }'
       iptables -P FORWARD DROP; iptables -P FORWARD ACCEPT; ip6tables -t nat -N X`,
    )
    const found = (await chains.baseChains()).map(
      ({ family, table, name, type, hook, policy }) => `${family} ${table} ${name} ${type} ${hook} ${policy}`,
    )
    expect(found.filter((text) => text.includes(' forward '))).to.have.members([
      'inet guard forward filter forward drop',
      'ip filter FORWARD filter forward accept',
    ])
  })

  it('have rules whose comment is nft’s or iptables’, and others', async () => {
    await sh(
      `iptables -A FORWARD -i a -m comment --comment 'of iptables' -j ACCEPT; iptables -A FORWARD -i b -j DROP
       nft 'add rule ip filter FORWARD iifname "c" counter accept comment "of nft"'`,
    )
    const chain = { family: 'ip', table: 'filter', name: 'FORWARD' } as const
    const rules = await chains.commentedRules(chain)
    expect(rules.map(({ comment }) => comment)).to.deep.equal(['of iptables', 'of nft'])
    await sh(`nft delete rule ip filter FORWARD handle ${rules[1]!.handle}`)
    expect((await chains.commentedRules(chain)).map(({ comment }) => comment)).to.deep.equal(['of iptables'])
    expect(await chains.commentedRules({ ...chain, table: 'none' })).to.deep.equal([])
  })

  for (const [family, program] of [
    [4, 'iptables-legacy'],
    [6, 'ip6tables-legacy'],
  ] as const)
    it(`of ${program} are read with policy and what they let pass`, async () => {
      expect(legacyForward(family, netns.path)).to.equal(undefined)
      await sh(
        `${program} -P FORWARD DROP; ${program} -A INPUT -i x -j ACCEPT; ${program} -A FORWARD -i a -j ACCEPT
         ${program} -A FORWARD -o b -j ACCEPT; ${program} -A FORWARD -i c -p tcp -j ACCEPT; ${program} -A FORWARD -i d -j DROP
         ${program} -A FORWARD -i e -m conntrack --ctstate NEW -j ACCEPT; ${program} -A OUTPUT -o y -j ACCEPT`,
      )
      const read = { family, policy: 'drop', acceptsFrom: ['a'], acceptsTo: ['b'] }
      expect(legacyForward(family, netns.path)).to.deep.equal(read)
      await sh(`${program} -P FORWARD ACCEPT`)
      expect(legacyForward(family, netns.path)).to.deep.equal({ ...read, policy: 'accept' })
    })
})

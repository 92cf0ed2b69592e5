/** Changes of elements by our own netlink messages, under the contract that the fake keeps too; and by what they cost. */
import { describeElementChanges } from '@podroute/kernel/testing/element-contract.ts'
import { expect } from 'chai'
import { nftInNetns } from './nft-support.ts'

const NETNS = 'pr-nft-writes'

describe('nftables of this kernel', () => {
  const open = nftInNetns(NETNS)

  describeElementChanges('nftables of this kernel', open)

  it('says how many packets elements have counted, more than 32 bits hold too', async () => {
    const { run, counts } = open()
    const set = 'inet counted pods { type ipv6_addr; flags dynamic; }'
    const elements =
      'fd00::1 counter packets 7 bytes 700, fd00::2 counter packets 9000000000 bytes 1, fd00::3'
    await run(`add table inet counted\nadd set ${set}\nadd element inet counted pods { ${elements} }\n`)
    expect(await counts('counted', 'pods', { key: ['ipv6_addr'] })).to.have.deep.members([
      { element: 'fd00::1', packets: 7 },
      { element: 'fd00::2', packets: 9_000_000_000 },
      { element: 'fd00::3', packets: 0 },
    ])
    const missing = counts('counted', 'others', { key: ['ipv6_addr'] })
    expect(await missing.catch(({ code }) => code)).to.equal('ENOENT')
  })

  it('takes 4,000 elements in one transaction', async () => {
    const { run, generation, writeElements, elements } = open()
    await run('add table inet many\nadd set inet many pods { type ipv4_addr; }\n')
    const many = Array.from({ length: 4000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
    const before = await generation()
    await writeElements('many', [{ kind: 'add', set: 'pods', type: { key: ['ipv4_addr'] }, elements: many }])
    expect((await generation()) - before).to.equal(1)
    expect(await elements('many', 'pods', { key: ['ipv4_addr'] })).to.have.members(many)
  })
})

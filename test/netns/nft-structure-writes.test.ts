/** Sets, chains and rules by our own netlink messages: under the contract that the fake keeps too, and beside what nft makes of the same text. */
import { structureScript } from '@podroute/kernel/nft/change-scripts.ts'
import { encodeStructure } from '@podroute/kernel/nft/write-structure.ts'
import { describeStructure, STRUCTURE } from '@podroute/kernel/testing/structure-contract.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { nftInNetns } from './nft-support.ts'

const NETNS = 'pr-nft-structure'

describe('nftables of this kernel', () => {
  const open = nftInNetns(NETNS)

  describeStructure('nftables of this kernel', open)

  it('holds the same expressions, sets and elements as of what nft wrote', async () => {
    const { run: script, writeStructure } = open()
    expect(encodeStructure(STRUCTURE)).not.to.equal(undefined)
    await script(`add table inet own\nadd table inet nft\n${structureScript('nft', STRUCTURE)}`)
    await writeStructure('own', STRUCTURE)
    const listed = (table: string) =>
      run('ip', ['netns', 'exec', NETNS, 'nft', '--debug=netlink', 'list', 'table', 'inet', table])
    const theirs = (await listed('nft')).replaceAll('inet nft', 'inet own')
    expect(theirs).to.contain('lookup reg 1 set __set').and.contain('bitwise')
    expect(withoutNumbers(await listed('own'))).to.equal(withoutNumbers(theirs))
  })

  it('takes 400 chains of 30 rules in one transaction', async () => {
    const { run: script, generation, writeStructure, show } = open()
    await script('add table inet many\n')
    const chains = Array.from({ length: 400 }, (_, index) => `chain-${index}`)
    const before = await generation()
    await writeStructure('many', [
      ...chains.map((chain) => ({ kind: 'add-chain', chain }) as const),
      ...chains.flatMap((chain) =>
        Array.from({ length: 30 }, (_, index) => ({
          ...({ kind: 'add-rule', chain } as const),
          rule: `ip saddr 10.1.0.0/17 tcp dport ${8000 + index} return`,
        })),
      ),
    ])
    expect((await generation()) - before).to.equal(1)
    expect((await show('list table inet many')).match(/ return$/gm)).to.have.length(400 * 30)
  })
})

/** Handles, names of sets of rules and the order of elements are not what was written. */
function withoutNumbers(listing: string): string {
  const named = listing.replace(/__set\d+/g, '__set').replace(/ \d+ \d+ *$/gm, '')
  return named.replace(/^(inet own \S+) .*$/gm, '$1').replace(/(?:^\telement .*\n)+/gm, sorted)
}

function sorted(lines: string): string {
  return lines.split('\n').toSorted().join('\n')
}

import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { cidr, contains, hostCidr } from './cidr.ts'
import { OutermostPrefixes } from './outermost.ts'

const prefixOf = (text: string) => (text.includes('/') ? cidr(text) : hostCidr(text)!)

function make() {
  const held = new Set<string>()
  const calls: string[] = []
  const prefixes = new OutermostPrefixes({
    set({ text }) {
      expect(held.has(text), text).to.equal(false)
      held.add(text)
      calls.push(`set ${text}`)
    },
    delete({ text }) {
      expect(held.delete(text), text).to.equal(true)
      calls.push(`delete ${text}`)
    },
  })
  return { prefixes, held, calls }
}

function cover(...texts: string[]): string[] {
  const { prefixes, held } = make()
  for (const text of texts) prefixes.add(prefixOf(text))
  return [...held]
}

describe('outermost prefixes', () => {
  it('are all of them, each once, while none lies in another', () => {
    expect(cover('10.244.1.0/24', '10.244.2.0/24', 'fd10::/64', '10.244.1.0/24')).to.deep.equal([
      '10.244.1.0/24',
      '10.244.2.0/24',
      'fd10::/64',
    ])
    expect(cover('10.0.0.0/16', '10.1.0.0/24', '10.1.1.5')).to.deep.equal([
      '10.0.0.0/16',
      '10.1.0.0/24',
      '10.1.1.5/32',
    ])
  })

  it('leave out what lies in a shorter one, in whatever order and however deep', () => {
    expect(cover('10.244.1.0/24', '10.0.0.0/8', '10.244.0.0/16', '11.0.0.0/24')).to.deep.equal([
      '10.0.0.0/8',
      '11.0.0.0/24',
    ])
    expect(cover('fd10:244::/64', 'fd10::/16', '10.244.1.0/24')).to.deep.equal(['fd10::/16', '10.244.1.0/24'])
  })

  it('leave out addresses that lie in a prefix', () => {
    expect(cover('172.31.0.11', '172.31.0.0/24', '172.32.0.11')).to.have.members([
      '172.31.0.0/24',
      '172.32.0.11/32',
    ])
  })

  it('know the families apart', () => {
    expect(cover('::/1', '10.0.0.0/8')).to.deep.equal(['::/1', '10.0.0.0/8'])
    expect(cover('::/0', '0.0.0.0/0', 'fd10::/64', '255.255.255.255')).to.deep.equal(['::/0', '0.0.0.0/0'])
  })

  it('come back, outermost first, when what covered them goes', () => {
    const { prefixes, calls } = make()
    for (const text of ['10.0.0.0/8', '10.244.0.0/16', '10.244.1.0/24', '10.1.0.0/24'])
      prefixes.add(cidr(text))
    calls.length = 0
    prefixes.delete(cidr('10.244.1.0/24'))
    prefixes.delete(cidr('10.0.0.0/8'))
    expect(calls).to.deep.equal(['delete 10.0.0.0/8', 'set 10.1.0.0/24', 'set 10.244.0.0/16'])
    expect([prefixes.hold(prefixOf('10.244.9.9')), prefixes.hold(prefixOf('10.2.0.1'))]).to.deep.equal([
      true,
      false,
    ])
  })

  it('are, after any sequence, those of the prefixes that are left', () => {
    const seed = testSeed()
    const random = seeded(seed)
    const bits = (base: string) => ['/8', '/12', '/16', '/17', '/20', '/24', '/32'].map((n) => cidr(base + n))
    const some = [
      ...['10.0.0.0', '10.16.0.0', '10.16.128.0', '10.255.255.255', '11.0.0.0'].flatMap(bits),
      ...['fd10::/8', 'fd10::/16', 'fd10:1::/32', 'fd10:1::/64', 'fd10:1::1/128', '::/0'].map(cidr),
    ]
    for (let round = 0; round < 100; round++) {
      const { prefixes, held } = make()
      const left = new Map<string, (typeof some)[number]>()
      for (let step = 0; step < 60; step++) {
        const prefix = pick(random, some)
        if (random() < 0.6) {
          prefixes.add(prefix)
          left.set(prefix.text, prefix)
        } else {
          prefixes.delete(prefix)
          left.delete(prefix.text)
        }
        const all = [...left.values()]
        const outer = all.filter((a) => !all.some((b) => b.length < a.length && contains(b, a)))
        expect([...held], `SEED=${seed}`).to.have.members(outer.map(({ text }) => text))
      }
    }
  })
})

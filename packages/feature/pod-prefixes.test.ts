import { cidr } from '@podroute/address/cidr.ts'
import { expect } from 'chai'
import { PodPrefixes } from './pod-prefixes.ts'

describe('prefixes of pods', () => {
  const first = cidr('10.244.1.0/24')
  const second = cidr('fd10:244:1::/64')

  it('are told when they are others, by the name of their Node', () => {
    const prefixes = new PodPrefixes()
    const told: string[] = []
    const subscription = prefixes.subscribe((node) => void told.push(`${node} ${prefixes.of(node)?.length}`))
    prefixes.replace('a', [first])
    prefixes.replace('a', [cidr(first.text)])
    prefixes.replace('b', [first, second])
    prefixes.replace('a', [second])
    prefixes.replace('b', [])
    expect(told).to.deep.equal(['a 1', 'b 2', 'a 1', 'b 0'])
    expect(prefixes.of('a')).to.deep.equal([second])
    subscription[Symbol.dispose]()
    prefixes.replace('a', [first])
    expect(told).to.have.length(4)
  })

  it('are nobody’s word any more when whoever said them is gone', () => {
    const prefixes = new PodPrefixes()
    prefixes.replace('a', [first])
    prefixes.replace('b', [])
    const told: string[] = []
    prefixes.subscribe((node) => void told.push(node))
    prefixes.clear()
    expect(told).to.deep.equal(['a', 'b'])
    expect(prefixes.of('a')).to.equal(undefined)
  })
})

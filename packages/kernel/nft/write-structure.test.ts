import { expect } from 'chai'
import type { StructureChange } from './api.ts'
import { encodeRule } from './encode-rule.ts'
import { encodeStructure } from './write-structure.ts'

describe('rules as the kernel reads them', () => {
  it('begin with what nft adds: the family of an address, and the protocol of a port, each once', () => {
    const rule = encodeRule('ip6 saddr @peers tcp dport 80 return')
    expect(rule?.map(({ kind }) => kind)).to.deep.equal([
      ...['meta', 'compare', 'payload', 'lookup'],
      ...['meta', 'compare', 'payload', 'compare', 'verdict'],
    ])
    expect(rule?.[1]).to.deep.equal({ kind: 'compare', is: '==', value: Uint8Array.of(10) })
  })

  it('have an interval to the very end without one', () => {
    const [, , , lookup] = encodeRule('ip saddr { 10.0.0.1, 224.0.0.0/3 } return') ?? []
    const keys = lookup?.kind === 'one-of' ? lookup.set.elements : []
    expect(keys.map(({ key, endsInterval, open }) => [key.join('.'), endsInterval, open])).to.deep.equal([
      ['0.0.0.0', true, undefined],
      ['10.0.0.1', undefined, undefined],
      ['10.0.0.2', true, undefined],
      ['224.0.0.0', undefined, true],
    ])
  })

  it('are left to nft where they are anything else than what policies need', () => {
    for (const text of [
      'ip saddr 10.0.0.256 return',
      'ip saddr fd00::1 return',
      'ip6 saddr 10.0.0.1 return',
      'ip saddr 10.0.0.1/8 return',
      'ip saddr 0.0.0.0/0 return',
      'ip saddr 10.0.0.9-10.0.0.1 return',
      'ip saddr { 10.0.0.2, 10.0.0.1 } return',
      'ip saddr { 10.0.0.0/24, 10.0.1.0/24 } return',
      'ip saddr { 255.255.255.255, 10.0.0.1 } return',
      'tcp dport 65536 return',
      'tcp dport http return',
      'tcp dport 80/8 return',
      'tcp sport 80 return',
      'tcp dport 80',
      'ip saddr 10.0.0.1 counter return',
      'ct state established,related accept',
      '',
    ])
      expect(encodeRule(text), text).to.equal(undefined)
  })
})

describe('sets as the kernel reads them', () => {
  it('have the number and length of their fields', () => {
    const change: StructureChange = {
      ...{ kind: 'add-set', set: 'ports', type: { key: ['ipv4_addr', 'inet_proto', 'inet_service'] } },
    }
    expect(encodeStructure([change])).to.deep.equal([
      { kind: 'add-set', set: 'ports', keys: { type: 0x730d, length: 12, concatenated: true } },
    ])
  })

  it('are left to nft with all that comes with them where they are anything more', () => {
    const pods: StructureChange = { kind: 'add-set', set: 'pods', type: { key: ['ipv4_addr'] } }
    for (const more of [
      { interval: true },
      { timeout: true },
      { dynamic: true },
      { value: 'verdict' },
    ] as const)
      expect(encodeStructure([pods, { ...pods, type: { ...pods.type, ...more } }])).to.equal(undefined)
    expect(encodeStructure([{ ...pods, type: { key: ['iface_index'] } }])).to.equal(undefined)
  })
})

import { expect } from 'chai'
import { outermost } from './outermost.ts'

const cover = (...prefixes: string[]) => outermost(prefixes, (text) => text)

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
      '10.1.1.5',
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
    expect(cover('172.31.0.11', '172.31.0.0/24', '172.32.0.11')).to.deep.equal([
      '172.31.0.0/24',
      '172.32.0.11',
    ])
  })

  it('know the families apart', () => {
    expect(cover('::/1', '10.0.0.0/8')).to.deep.equal(['::/1', '10.0.0.0/8'])
  })
})

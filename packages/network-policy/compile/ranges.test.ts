import { cidr } from '@podroute/address/cidr.ts'
import { expect } from 'chai'
import { blockTexts, union } from './ranges.ts'

const block = (text: string, ...except: string[]) => ({ cidr: cidr(text), except: except.map(cidr) })

describe('ranges', () => {
  it('are one where they overlap or touch', () => {
    const ranges = [
      { first: 81, last: 83 },
      { first: 90, last: 90 },
      { first: 79, last: 81 },
      { first: 84, last: 84 },
      { first: 80, last: 80 },
    ]
    expect(union(ranges, (n) => n + 1)).to.deep.equal([
      { first: 79, last: 84 },
      { first: 90, last: 90 },
    ])
  })

  it('are prefixes where they can be, and single addresses', () => {
    expect(blockTexts([block('10.0.0.0/9'), block('10.128.0.0/9'), block('192.0.2.1/32')], 4)).to.deep.equal([
      '10.0.0.0/8',
      '192.0.2.1',
    ])
    expect(blockTexts([block('2001:db8::/33'), block('2001:db8::5/128')], 6)).to.deep.equal(['2001:db8::/33'])
  })

  it('are what their block leaves of them, and come back by another block', () => {
    expect(blockTexts([block('10.0.0.0/30', '10.0.0.1/32')], 4)).to.deep.equal(['10.0.0.0', '10.0.0.2/31'])
    expect(blockTexts([block('10.0.0.0/24', '10.0.0.0/25'), block('10.0.0.7/32')], 4)).to.deep.equal([
      '10.0.0.7',
      '10.0.0.128/25',
    ])
    expect(blockTexts([block('10.0.0.0/29', '10.0.0.0/31', '10.0.0.7/32')], 4)).to.deep.equal([
      '10.0.0.2-10.0.0.6',
    ])
  })

  it('are none where nothing is left, or all are of the other family', () => {
    expect(blockTexts([block('10.0.0.0/8', '10.0.0.0/8'), block('::/0')], 4)).to.deep.equal([])
    expect(blockTexts([block('10.0.0.0/8', '0.0.0.0/0')], 4)).to.deep.equal([])
  })

  it('are untouched by an exception that is elsewhere', () => {
    expect(blockTexts([block('10.0.0.0/8', '11.0.0.0/8', 'fd00::/8')], 4)).to.deep.equal(['10.0.0.0/8'])
  })

  it('are all addresses, also from two halves', () => {
    expect(blockTexts([block('0.0.0.0/1'), block('128.0.0.0/1')], 4)).to.equal('all')
    expect(blockTexts([block('::/0')], 6)).to.equal('all')
    expect(blockTexts([block('0.0.0.0/0', '10.1.0.0/16')], 4)).to.deep.equal([
      '0.0.0.0-10.0.255.255',
      '10.2.0.0-255.255.255.255',
    ])
  })
})

import { expect } from 'chai'
import { type Option, readArguments } from './arguments.ts'

const OPTIONS: readonly Option[] = [
  { name: 'enable-bfd', takes: 'bool' },
  { name: 'config', takes: 'text' },
  { name: 'peers', takes: 'list' },
  { name: 'port', takes: 'number' },
  { name: 'holdtime', takes: 'seconds' },
  { name: 'v', letter: 'v', takes: 'text' },
]
const valuesOf = (...words: string[]) => Object.fromEntries(readArguments(words, OPTIONS).values)
const problemsOf = (...words: string[]) => readArguments(words, OPTIONS).problems

describe('words of the command line', () => {
  it('are flags with their value behind an equals sign, or in the next word', () => {
    expect(valuesOf('--config=a=b', '--port', '1790', '-v', '2')).to.deep.equal({
      ...{ config: 'a=b', port: 1790, v: '2' },
    })
    expect(valuesOf('-v=1', '--config', '-')).to.deep.equal({ v: '1', config: '-' })
    expect(valuesOf('-v3')).to.deep.equal({ v: '3' })
  })

  it('switch on when they stand alone, and are believed in every way that Go writes a boolean', () => {
    expect(valuesOf('--enable-bfd', '--port=1')).to.deep.equal({ 'enable-bfd': true, port: 1 })
    for (const text of ['false', 'F', '0', 'False'])
      expect(valuesOf(`--enable-bfd=${text}`)).to.deep.equal({ 'enable-bfd': false })
    expect(valuesOf('--enable-bfd', 'false')).to.deep.equal({ 'enable-bfd': false })
  })

  it('are durations of several units, in seconds', () => {
    const cases = { '90s': 90, '1m30s': 90, '6m0s': 360, '2h22m': 8520, '1500ms': 1.5, '0': 0 }
    for (const [text, seconds] of Object.entries(cases))
      expect(valuesOf(`--holdtime=${text}`)).to.deep.equal({ holdtime: seconds })
  })

  it('are lists that grow, with places that are empty; of other flags the last one counts', () => {
    expect(valuesOf('--peers=a,', '--peers', 'b, c')).to.deep.equal({ peers: ['a', '', 'b', 'c'] })
    expect(valuesOf('--peers=')).to.deep.equal({ peers: [] })
    expect(valuesOf('--port=1', '--port=2')).to.deep.equal({ port: 2 })
  })

  it('are refused with what is right', () => {
    expect(problemsOf('--prot=1', '--enable-bfd=maybe', '--port=x', '--holdtime=90', 'word')).to.deep.equal([
      '--prot: unknown flag, did you mean --port?',
      '--enable-bfd: true or false, not maybe',
      '--port: a whole number, not x',
      '--holdtime: a duration such as 90s or 1m30s, not 90',
      'word: not a flag',
    ])
    expect(problemsOf('--quite-another-thing', 'value')).to.deep.equal([
      '--quite-another-thing: unknown flag, --help names all',
    ])
    expect(problemsOf('--config', '--port=1', '--peers')).to.deep.equal([
      '--config: a value',
      '--peers: a list such as one,two',
    ])
  })

  it('keep values of unknown flags to themselves: they may be passwords', () => {
    expect(problemsOf('--peer-password=hush').join()).to.not.include('hush')
    expect(problemsOf('--peer-password', 'hush').join()).to.not.include('hush')
  })
})

import { expect } from 'chai'
import { Shared } from './shared.ts'

function start() {
  const told: string[] = []
  const shared = new Shared<string>({
    first: (name, value) => told.push(`+${name} ${value}`),
    last: (name, value) => told.push(`-${name} ${value}`),
  })
  const want = (owner: string, ...names: string[]) => {
    told.length = 0
    shared.replace(
      owner,
      names.map((name) => [name, `${name}!`]),
    )
    return told.slice()
  }
  return { shared, want }
}

describe('what several pods want alike', () => {
  it('is there from the first of them to the last', () => {
    const { shared, want } = start()
    expect(want('a', 'x')).to.deep.equal(['+x x!'])
    expect(want('b', 'x')).to.deep.equal([])
    expect(want('b', 'x')).to.deep.equal([])
    expect(want('a')).to.deep.equal([])
    expect([shared.has('x'), shared.size]).to.deep.equal([true, 1])
    expect(want('b')).to.deep.equal(['-x x!'])
    expect([shared.has('x'), shared.size]).to.deep.equal([false, 0])
  })

  it('comes before what nobody wants any more goes, and counts once where it is named twice', () => {
    const { shared, want } = start()
    expect(want('a', 'x', 'x', 'y')).to.deep.equal(['+x x!', '+y y!'])
    expect(want('a', 'y', 'z')).to.deep.equal(['+z z!', '-x x!'])
    expect(shared.namesOf('a')).to.deep.equal(['y', 'z'])
    expect(want('a')).to.deep.equal(['-y y!', '-z z!'])
    expect(shared.namesOf('a')).to.deep.equal([])
  })
})

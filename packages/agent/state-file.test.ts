import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import * as z from 'zod'
import { BootFile, StateFile } from './state-file.ts'

describe('a file for the next agent', () => {
  let directory: string
  let warnings: string[]
  const file = (...path: string[]) =>
    new StateFile<{ n: number }>(
      join(directory, ...path),
      { warn: (message) => void warnings.push(message) },
      z.object({ n: z.number() }),
    )

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-state-'))
    warnings = []
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('is there for the next one, in a folder that is made for it, and for root alone', () => {
    file('state', 'a.json').save({ n: 1 })
    file('state', 'a.json').save({ n: 2 })
    expect(file('state', 'a.json').load()).to.deep.equal({ n: 2 })
    expect(statSync(join(directory, 'state', 'a.json')).mode & 0o777).to.equal(0o600)
    expect(readdirSync(join(directory, 'state'))).to.deep.equal(['a.json'])
  })

  it('is as good as none where it cannot be read', () => {
    expect(file('a.json').load()).to.equal(undefined)
    writeFileSync(join(directory, 'a.json'), '{"n":')
    expect(file('a.json').load()).to.equal(undefined)
  })

  it('says nothing after another boot where it is of one', () => {
    const of = (bootId: string) =>
      new BootFile<{ n: number }>(
        join(directory, 'a.json'),
        bootId,
        { warn() {} },
        z.object({ n: z.number() }),
      )
    of('one').save({ n: 1 })
    expect([of('one').load(), of('two').load()]).to.deep.equal([{ n: 1 }, undefined])
    of('two').save({ n: 2 })
    expect([of('one').load(), of('two').load()]).to.deep.equal([undefined, { n: 2 }])
  })

  it('is missed by a warning alone where it cannot be written', () => {
    writeFileSync(join(directory, 'taken'), '')
    file('taken', 'a.json').save({ n: 1 })
    expect(warnings).to.have.length(1)
  })
})

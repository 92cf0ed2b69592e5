import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { CHECKLIST } from './checklist.ts'
import { GROUPS } from './e2e/cases.ts'

const TOP = join(import.meta.dirname, '..')

/** The source of `cluster/checklist` or `packages/…/plan`. */
function sourceOf(file: string): string {
  const path = file.startsWith('packages/') ? file : join('test', file)
  const found = ['.test.ts', '.ts'].map((ending) => join(TOP, path + ending)).find(existsSync)
  return found === undefined ? '' : readFileSync(found, 'utf8')
}

describe('the checklist of service proxies', () => {
  it('names a test for every line', () => {
    expect(CHECKLIST).to.have.length.greaterThan(35)
    const without = CHECKLIST.filter(({ here, upstream }) => here.length + upstream.length === 0)
    expect(without.map(({ line }) => line)).to.deep.equal([])
  })

  it('names tests that exist', () => {
    const missing = CHECKLIST.flatMap(({ here }) => here).filter((name) => {
      const [file, title] = name.split(/: (.*)/s)
      return ![`'${title}`, `\`${title}`].some(
        (start) => sourceOf(file!).includes(`it(${start}`) || sourceOf(file!).includes(`\n      ${start}`),
      )
    })
    expect(missing).to.deep.equal([])
  })

  it('names upstream’s cases that `npm run e2e` chooses', () => {
    const others = CHECKLIST.flatMap(({ upstream }) => upstream).filter(
      (title) => !GROUPS.some((group) => title.startsWith(`${group} `)),
    )
    expect(others).to.deep.equal([])
  })
})

import { globSync, readFileSync } from 'node:fs'
import { expect } from 'chai'

/** Of the reports from the field about BGP: drain, announcements, restarts, roles, … Those about policies have files of their own. */
const REPORTS = Array.from({ length: 19 }, (_, i) => `A${i + 1}`)

/** Titles that bear the number of a report: `A10: …`, or `… (A8, A15)`. */
function reportsIn(file: string): readonly string[] {
  const titles = readFileSync(file, 'utf8').matchAll(/\b(?:it|describe)\(\s*(['"`])(.*?)\1,/gs)
  return Array.from(titles, ([, , title]) => title!).flatMap((title) => {
    const named = /^A\d+(?=:)/.exec(title) ?? /\((A\d+[^)]*)\)/.exec(title)
    return named ? (named[0].match(/A\d+/g) ?? []) : []
  })
}

describe('the reports from the field about BGP', () => {
  it('each have tests that bear their number', () => {
    const files = globSync(['packages/*/**/*.test.ts', 'test/{api,netns}/*.test.ts'], {
      exclude: (path) => path.includes('node_modules') || path.includes('polic'),
    })
    const found = new Set(files.flatMap(reportsIn))
    expect(REPORTS.filter((report) => !found.has(report))).to.deep.equal([])
  })
})

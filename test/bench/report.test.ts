// The benchmarks' verdicts and lines.
import { expect } from 'chai'
import { formatLine, judge, median, report } from './report.ts'

describe('benchmark report', () => {
  it('judges a ratio against the peer', () => {
    const figure = { name: 'mesh', unit: 's', ours: 1, peer: 2, goal: { kind: 'ratio', value: 1 } } as const
    expect(judge(figure)).to.include({ ratio: 0.5, verdict: 'ok' })
    expect(judge({ ...figure, ours: 2.1 })).to.include({ verdict: 'missed' })
  })

  it('judges an absolute bound and reports a figure without a goal as information', () => {
    expect(judge({ name: 'rss', unit: 'MB', ours: 111, goal: { kind: 'max', value: 110 } }).verdict).to.equal(
      'missed',
    )
    expect(judge({ name: 'rss', unit: 'MB', ours: 111 }).verdict).to.equal('info')
  })

  it('refuses what was not measured', () => {
    expect(() => judge({ name: 'x', unit: 's', ours: Number.NaN })).to.throw(RangeError)
    expect(() => judge({ name: 'x', unit: 's', ours: 1, goal: { kind: 'ratio', value: 1 } })).to.throw(
      RangeError,
    )
    expect(() => judge({ name: 'x', unit: 's', ours: 1, peer: 0 })).to.throw(RangeError)
  })

  it('prints name, ours, peer, ratio, goal and verdict, or the same as JSON', () => {
    const lines: string[] = []
    const print = (line: string) => lines.push(line)
    const figure = {
      name: 'add',
      unit: 'ms',
      ours: 10,
      peer: 40,
      goal: { kind: 'ratio', value: 0.5 },
    } as const
    report(figure, { json: false, print: (line) => void print(line) })
    report(figure, { json: true, print: (line) => void print(line) })
    expect(lines[0]?.replace(/ +/g, ' ')).to.equal('add 10.0 ms 40.0 ms 0.250 x <= 0.5 x ok')
    expect(JSON.parse(lines[1]!)).to.deep.equal({ ...figure, ratio: 0.25, verdict: 'ok' })
    expect(formatLine(judge({ name: 'a', unit: 's', ours: 1 })).replace(/ +/g, ' ')).to.equal(
      'a 1.000 s - - - info',
    )
  })

  it('takes the median of odd and even counts', () => {
    expect(median([3, 1, 2])).to.equal(2)
    expect(median([4, 1, 2, 3])).to.equal(2.5)
    expect(() => median([])).to.throw(RangeError)
  })
})

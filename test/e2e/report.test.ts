import { expect } from 'chai'
import { focusOn, GROUPS, IMPOSSIBLE, impossible, SHORT, SHORT_NETPOL } from './cases.ts'
import { caseReader, type GinkgoReport, readReport, summarize } from './report.ts'

function spec(container: string, text: string, state: string, message = '', type = 'It') {
  return {
    ContainerHierarchyTexts: [`[sig-network] ${container}`],
    LeafNodeType: type,
    LeafNodeText: text,
    State: state,
    RunTime: 12_400_000_000,
    Failure: { Message: message },
  }
}

const everything = () => true

describe('the output of upstream’s runner', () => {
  const heard = (...lines: string[]) => {
    const cases: string[] = []
    const read = caseReader((line) => cases.push(line))
    for (const line of lines) read(line)
    return cases
  }
  const name = '[sig-network] Netpol should deny [Feature:NetworkPolicy]'
  const rule = '------------------------------'

  it('names a case when it has ended, where several processes run them', () => {
    expect(
      heard(rule, '• [1.500 seconds]', `${name} [sig-network, Feature:NetworkPolicy]`, rule),
    ).to.deep.equal([`• [1.500 seconds] ${name}`])
  })

  it('names it when it begins, where one process runs all', () => {
    const begins = `${name} [sig-network, Feature:NetworkPolicy]`
    expect(heard(rule, begins, '  STEP: deny', '• [1.500 seconds]', rule, 'S')).to.deep.equal([
      `• [1.500 seconds] ${name}`,
    ])
  })
})

describe('the report of upstream’s tests', () => {
  const report: GinkgoReport = {
    SpecReports: [
      spec('Services', 'should serve', 'passed'),
      spec('Services', 'should hairpin', 'failed', 'no answer\nafter 2m'),
      spec('Services', 'should wait', 'timedout'),
      spec('Services', 'should walk', 'interrupted', 'Interrupted by User'),
      spec('Services', 'should restart', 'skipped', 'is not running as pod.'),
      spec('Networking', 'should check kube-proxy urls', 'skipped'),
      spec('Netpol', 'should deny', 'skipped'),
    ],
  }

  it('tells what passed, failed and could not run, and leaves out what nobody asked for', () => {
    const { cases } = readReport([report], everything)
    expect(cases.map(({ name, outcome }) => [name.replace('[sig-network] ', ''), outcome])).to.deep.equal([
      ['Networking should check kube-proxy urls', 'could not run'],
      ['Services should hairpin', 'failed'],
      ['Services should restart', 'could not run'],
      ['Services should serve', 'passed'],
      ['Services should wait', 'failed'],
      ['Services should walk', 'could not run'],
    ])
    expect(cases[3]!.seconds).to.equal(12.4)
  })

  it('gives the reason of each that did not pass', () => {
    const { cases } = readReport([report], everything)
    const reasons = cases.filter(({ outcome }) => outcome !== 'passed').map(({ reason }) => reason)
    expect(reasons).to.deep.equal([
      impossible('Networking should check kube-proxy urls'),
      'no answer\nafter 2m',
      'is not running as pod.',
      'timedout',
      'interrupted',
    ])
  })

  it('does not name a case that cannot run when others were asked for', () => {
    const { cases } = readReport([report], (name) => name.includes('Services'))
    expect(cases.map(({ name }) => name)).not.to.include(
      '[sig-network] Networking should check kube-proxy urls',
    )
  })

  it('tells what fails outside of the cases', () => {
    const before = spec('', '', 'failed', 'nodes are not ready', 'SynchronizedBeforeSuite')
    const { cases, failures } = readReport(
      [{ SpecReports: [before], SpecialSuiteFailureReasons: ['Suite Timeout Elapsed'] }],
      everything,
    )
    expect(cases).to.deep.equal([])
    expect(failures).to.deep.equal(['SynchronizedBeforeSuite: nodes are not ready', 'Suite Timeout Elapsed'])
  })

  it('ends with the counts', () => {
    const text = summarize(readReport([report], everything))
    expect(text).to.include('  12 s  [sig-network] Services should hairpin\n      no answer\n')
    expect(text.trimEnd().split('\n').at(-1)).to.equal('e2e: 1 passed, 2 failed, 3 could not run')
  })
})

describe('the cases of upstream’s tests', () => {
  it('are chosen by their titles', () => {
    const focus = new RegExp(focusOn(GROUPS))
    expect(focus.test('[sig-network] Services should serve a basic endpoint from pods')).to.equal(true)
    expect(focus.test('[sig-network] [Feature:IPv6DualStack] should have ipv4 and ipv6')).to.equal(true)
    expect(focus.test('[sig-network] EndpointSliceMirroring should mirror')).to.equal(false)
    expect(focus.test('[sig-apps] Services should serve')).to.equal(false)
  })

  it('of the short set can all run', () => {
    for (const title of [...SHORT, ...SHORT_NETPOL])
      expect(impossible(`[sig-network] ${title}`), title).to.equal(undefined)
  })

  it('that cannot run have a reason', () => {
    for (const { reason } of IMPOSSIBLE) expect(reason).to.match(/\w/)
  })
})

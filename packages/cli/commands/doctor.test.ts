import { fail, OK, unknown } from '@podroute/agent/doctor/check.ts'
import { expect } from 'chai'
import { PLAIN } from '../style.ts'
import { text } from './doctor.ts'

describe('what doctor shows', () => {
  const findings = [
    { check: 'ipvs', summary: 'the kernel has IPVS', outcome: fail('it has none', 'modprobe ip_vs') },
    { check: 'clock', summary: 'the clock is right', outcome: unknown('no API server is known') },
    { check: 'agent', summary: 'it runs', outcome: unknown('no agent runs\n  look: kubectl get pods') },
    { check: 'node-name', summary: 'there is such a Node', outcome: unknown('no API server is known') },
    { check: 'mtu', summary: 'it is the same everywhere', outcome: OK },
  ]

  it('is what fails with what to do, and once why several checks cannot know', () => {
    expect(text(findings, false, PLAIN)).to.equal(`\
      CHECK  WHAT         WHAT TO DO
fail  ipvs   it has none  modprobe ip_vs

unknown  clock, node-name
no API server is known

unknown  agent
no agent runs
  look: kubectl get pods

1 ok, 0 warn, 1 fail, 3 unknown`)
  })

  it('is only the sum where all is well, and all of it where that is wanted', () => {
    const [, , , , well] = findings
    expect(text([well!], false, PLAIN)).to.equal('1 ok, 0 warn, 0 fail, 0 unknown')
    expect(text([well!], true, PLAIN)).to.include('it is the same everywhere')
  })
})

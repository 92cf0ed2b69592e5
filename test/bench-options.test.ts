import { spawnSync } from 'node:child_process'
import { expect } from 'chai'

const BENCHMARKS = ['bgp', 'cni', 'coldstart', 'network', 'services', 'sources']

function run(name: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, [`${import.meta.dirname}/bench/${name}.ts`, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  })
}

describe('a benchmark', function () {
  this.timeout(30_000)
  for (const name of BENCHMARKS) {
    it(`${name} says how it is called, and begins nothing`, () => {
      const { status, stdout } = run(name, '--help')
      expect(status).to.equal(0)
      expect(stdout).to.match(new RegExp(`^npm run bench:${name} `))
      expect(stdout).to.include('--json')
    })
    it(`${name} refuses an option that it does not have`, () => {
      const { status, stderr } = run(name, '--jsn')
      expect(status).to.equal(2)
      expect(stderr).to.include("'--jsn'").and.include(`npm run bench:${name} `)
    })
  }
})

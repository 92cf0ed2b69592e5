/** Entering and leaving network namespaces. */
import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { createNetns, removeNetns, withNetns } from '@podroute/linux/netns.ts'
import { expect } from 'chai'

const NAME = 'pr-linux-netns'
const here = () => readlinkSync('/proc/thread-self/ns/net')

describe('network namespaces', () => {
  let path: string

  beforeEach(() => {
    removeNetns(NAME)
    path = createNetns(NAME)
  })

  afterEach(() => removeNetns(NAME))

  it('runs a function inside and comes back with its result', () => {
    const home = here()
    const inside = withNetns(path, here)
    expect(inside)
      .to.match(/^net:\[\d+\]$/)
      .and.not.equal(home)
    expect(withNetns(NAME, here), 'by name').to.equal(inside)
    expect(here()).to.equal(home)
  })

  it('comes back when the function throws, and does not stay when it is asynchronous', () => {
    const home = here()
    const fail = () => {
      throw new RangeError('inside')
    }
    expect(() => withNetns(path, fail)).to.throw(RangeError, 'inside')
    expect(() => withNetns(path, async () => {})).to.throw(TypeError)
    expect(here()).to.equal(home)
  })

  it('says which namespace is not there', () => {
    expect(() => withNetns('/run/netns/none', here)).to.throw('open: ENOENT: /run/netns/none')
    expect(() => createNetns(NAME)).to.throw(/EEXIST/)
    removeNetns('none')
  })

  it('is known to ip under its name', () => {
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).to.match(
      new RegExp(`^${NAME}\\b`, 'm'),
    )
    expect(execFileSync('ip', ['-n', NAME, '-o', 'link'], { encoding: 'utf8' })).to.include('lo:')
  })

  it('leaves no thread of the process behind, even when the first work for one is queued inside', () => {
    const script = `
      import { readdirSync, readlinkSync, readFile } from 'node:fs'
      import { withNetns } from '@podroute/linux/netns.ts'
      await new Promise((resolve) => withNetns('${path}', () => readFile('/proc/version', resolve)))
      const threads = readdirSync('/proc/self/task').map((id) => readlinkSync('/proc/self/task/' + id + '/ns/net'))
      console.log(threads.length > 4, new Set(threads).size)`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    })
    expect(output.trim()).to.equal('true 1')
  })
})

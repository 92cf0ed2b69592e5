import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { expect } from 'chai'
import { FileWatch } from './file-watch.ts'

/** Writes a version of a ConfigMap as the kubelet does: new files in a folder of their own, then one link turned to it. */
function project(mount: string, version: string, text: string): void {
  mkdirSync(join(mount, version))
  writeFileSync(join(mount, version, 'config.yaml'), text)
  symlinkSync(version, join(mount, '..data_tmp'))
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
}

describe('the watch of the configuration files', () => {
  let mount: string
  let watch: FileWatch | undefined

  beforeEach(() => {
    mount = mkdtempSync(join(tmpdir(), 'podroute-config-'))
    project(mount, '..1', 'one')
    symlinkSync('..data/config.yaml', join(mount, 'config.yaml'))
  })
  afterEach(() => {
    watch?.[Symbol.dispose]()
    rmSync(mount, { recursive: true })
  })

  const nextChange = () =>
    new Promise<void>((resolve) => {
      watch = new FileWatch(systemClock, resolve)
    })

  it('sees the kubelet turn a ConfigMap to its next version', async () => {
    const changed = nextChange()
    watch!.follow([join(mount, 'config.yaml')])
    project(mount, '..2', 'two')
    await changed
  })

  it('sees a plain file that is written in place', async () => {
    writeFileSync(join(mount, 'plain.yaml'), 'one')
    const changed = nextChange()
    watch!.follow([join(mount, 'plain.yaml')])
    writeFileSync(join(mount, 'plain.yaml'), 'two')
    await changed
  })

  it('follows a folder that was put in the place of another one', async () => {
    const folder = join(mount, 'folder')
    const make = (text: string) => {
      mkdirSync(folder)
      writeFileSync(join(folder, 'plain.yaml'), text)
    }
    make('one')
    const file = join(folder, 'plain.yaml')
    let changes = 0
    let seen = () => {}
    const next = () => new Promise<void>((resolve) => (seen = resolve))
    watch = new FileWatch(systemClock, () => {
      changes++
      watch!.follow([file])
      seen()
    })
    expect([watch.follow([file]), watch.follow([file])]).to.deep.equal([true, false])
    const replaced = next()
    renameSync(folder, join(mount, 'old'))
    make('two')
    await replaced
    const changed = next()
    writeFileSync(file, 'three')
    await changed
    expect(changes).to.be.greaterThan(1)
  })

  it('sees a file come into a folder that is not there yet', async () => {
    const later = join(mount, 'later')
    const timers: (() => void)[] = []
    let changes = 0
    const clock = {
      now: () => 0,
      after(_: number, action: () => void) {
        timers.push(action)
        return { [Symbol.dispose]() {} }
      },
    }
    watch = new FileWatch(clock, () => changes++)
    watch.follow([join(later, 'secret')])
    mkdirSync(later)
    // The retry, then what has settled since.
    while (timers.length > 0) timers.shift()!()
    expect(changes).to.equal(1)
  })
})

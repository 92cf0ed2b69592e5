/** The end of the lab: its own namespaces, processes, mounts and files are gone, and nothing else is. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { LAB_NAMESPACE, OUTSIDE_NAMESPACE, ROUTER_NAMESPACE } from '../../lab/addresses.ts'
import { isAlive, Processes } from '../../lab/processes.ts'
import { STATE } from '../../lab/state.ts'
import { lab } from './lab.ts'

export function nothingLeft(): void {
  describe('npm run lab -- down', () => {
    it('ends what it started and leaves nothing behind', async () => {
      const { list } = await Processes.load(STATE)
      expect(list).to.have.length.greaterThan(8)
      const { code } = await lab('down')
      expect(code).to.equal(0)
      expect(list.filter(isAlive)).to.deep.equal([])
      expect(existsSync(STATE)).to.equal(false)
      const namespaces = await readdir('/run/netns').catch(() => [])
      for (const name of [LAB_NAMESPACE, ROUTER_NAMESPACE, OUTSIDE_NAMESPACE]) {
        expect(namespaces).not.to.include(name)
      }
      expect(await readFile('/proc/mounts', 'utf8')).not.to.include('podroute-lab')
    })

    it('says so when there is nothing to stop', async () => {
      const { code } = await lab('down')
      expect(code).to.equal(0)
    })
  })
}

// What every plugin owes a runtime: versions, environment, error JSON. Runs on either world.

import { expect } from 'chai'
import { SUPPORTED_VERSIONS } from '../protocol/version.ts'
import { bridgeConfig, ipamConfig, loopbackConfig } from './configurations.ts'
import type { Call, World } from './world.ts'

const NAMES = ['bridge', 'host-local', 'loopback']

/** Describes the suite; `world` returns the world of the running test. */
export function describeProtocol(world: () => World): void {
  describe('protocol', () => {
    const refuse = (plugin: string, call: Call, code: number) => {
      const answer = world().run(plugin, call)
      expect(answer.json?.code, answer.output + answer.error).to.equal(code)
      expect(answer.status).to.equal(1)
      expect(answer.json?.msg).to.be.a('string').and.not.equal('')
      expect(answer.json?.cniVersion).to.be.a('string')
      return answer
    }

    it('answers VERSION without a configuration', () => {
      for (const name of NAMES) {
        const answer = world().run(name, {
          command: 'VERSION',
          config: '',
          environment: { CNI_COMMAND: 'VERSION' },
        })
        expect(answer.status).to.equal(0)
        expect(answer.json).to.deep.equal({ cniVersion: '1.1.0', supportedVersions: [...SUPPORTED_VERSIONS] })
      }
    })

    it('says what it is when there is no command', () => {
      const answer = world().run('bridge', { command: '', config: '', environment: {} })
      expect(answer.status).to.equal(0)
      expect(answer.output).to.equal('')
      expect(answer.error)
        .to.match(/bridge/)
        .and.match(/1\.1\.0/)
    })

    it('names the missing variables with code 4', () => {
      const environment = { CNI_COMMAND: 'ADD', CNI_PATH: '/x' }
      const answer = refuse('bridge', { command: 'ADD', config: bridgeConfig(world()), environment }, 4)
      expect(answer.json?.msg).to.match(/CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME/)
    })

    it('refuses malformed identifiers with code 4', () => {
      const config = bridgeConfig(world())
      for (const containerId of ['-a', 'a/b', 'a b', 'ä', '../x'])
        refuse('bridge', { command: 'ADD', config, netns: '/x', containerId }, 4)
      for (const interfaceName of ['sixteen-letters-', '.', '..', 'a/b', 'a:b', 'a b', 'a\tb'])
        refuse('bridge', { command: 'ADD', config, netns: '/x', interfaceName }, 4)
      refuse('bridge', { command: 'DANCE', config, netns: '/x' }, 4)
    })

    it('refuses what is no configuration with code 6 or 7', () => {
      for (const config of ['', '{', '[]', '42', '{"name": 5}', '{"name":"a","cniVersion":1}', '\u0000'])
        refuse('host-local', { command: 'ADD', config, netns: '/x' }, 6)
      for (const config of ['null', '{}', '{"name":""}', '{"name":null}', '{"name":"-a"}', '{"name":"a/b"}'])
        refuse('host-local', { command: 'ADD', config, netns: '/x' }, 7)
    })

    it('refuses versions that it does not speak with code 1, and what is no version with 6', () => {
      for (const cniVersion of ['0.0.9', '0.3.2', '1.2.0', '2.0.0'])
        refuse('loopback', { command: 'ADD', config: { ...loopbackConfig, cniVersion }, netns: '/x' }, 1)
      refuse(
        'loopback',
        { command: 'CHECK', config: { ...loopbackConfig, cniVersion: 'one' }, netns: '/x' },
        6,
      )
    })

    it('lets a command in from the version that has it', () => {
      refuse(
        'loopback',
        { command: 'CHECK', config: { ...loopbackConfig, cniVersion: '0.3.1' }, netns: '/x' },
        1,
      )
      for (const command of ['GC', 'STATUS']) {
        refuse('host-local', { command, config: ipamConfig(world(), {}, { cniVersion: '1.0.0' }) }, 1)
        const config = ipamConfig(world(), {}, { cniVersion: '1.1.0' })
        expect(world().run('host-local', { command, config }).status, command).to.equal(0)
      }
    })

    it('takes an absent version for 0.1.0', () => {
      const { cniVersion: _, ...config } = ipamConfig(world())
      const answer = world().run('host-local', { command: 'ADD', config, netns: '/dev/null' })
      expect(answer.json?.cniVersion).to.equal('0.1.0')
      expect(answer.json?.ip4?.ip).to.equal('10.77.0.2/24')
    })

    it('knows the keys of CNI_ARGS or is told to ignore them', () => {
      const call = { command: 'ADD', config: ipamConfig(world()), netns: '/dev/null' }
      refuse('host-local', { ...call, args: 'K8S_POD_NAME=a' }, 999)
      refuse('host-local', { ...call, args: 'IP' }, 999)
      refuse('host-local', { ...call, args: 'IgnoreUnknown=maybe' }, 999)
      const answer = world().run('host-local', { ...call, args: 'IgnoreUnknown=1;K8S_POD_NAME=a' })
      expect(answer.status, answer.output).to.equal(0)
    })

    it('names the field whose type is wrong', () => {
      const config = bridgeConfig(world(), { isGateway: 'yes' })
      expect(refuse('bridge', { command: 'ADD', config, netns: '/x' }, 999).json?.msg).to.match(/isGateway/)
    })

    it('answers deep nesting with an error', () => {
      const config = `{"name":"a","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
      const answer = world().run('loopback', { command: 'DEL', config, netns: '' })
      expect([0, 1]).to.include(answer.status)
    })
  })
}

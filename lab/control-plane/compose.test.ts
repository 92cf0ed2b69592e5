import { expect } from 'chai'
import { CLUSTER_CIDRS, SERVICE_CIDRS } from '../addresses.ts'
import { COMPONENTS, KUBERNETES_VERSION } from './build.ts'
import { composeServices, interpolate, readCompose } from './compose.ts'
import { CONTROL_PLANE } from './start.ts'

describe('docker-compose.yaml as the lab reads it', () => {
  it('replaces variables as Compose does: set, empty, and defaulted', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose's own placeholders
    const text = '${A:-one},${B:-two}/${C}'
    expect(interpolate(text, { A: 'x', B: '', C: 'y' })).to.equal('x,two/y')
    expect(() => interpolate(text, {})).to.throw('needs the variable C')
  })

  it('turns paths in the container into paths of the host, the deepest volume first', () => {
    const text = `
services:
  etcd:
    image: etcd
    command: [etcd, --data-dir=/var/lib/etcd, /var/lib/other, --name=/var/lib/etcdx]
    volumes: ['\${STATE:-./s}:/var/lib', '\${STATE:-./s}/etcd:/var/lib/etcd']
`
    const { command } = composeServices(text, { STATE: '/state' }).get('etcd')!
    expect(command).to.deep.equal(['etcd', '--data-dir=/state/etcd', '/state/other', '--name=/state/etcdx'])
  })

  it('names every part of the control plane, in the version that the lab builds', async () => {
    const services = await readCompose({ STATE: '/state' })
    for (const name of CONTROL_PLANE) {
      const service = services.get(name)
      expect(service?.command[0], name).to.equal(name)
      expect(COMPONENTS).to.include(name)
      if (name !== 'etcd') expect(service?.image).to.match(new RegExp(`/${name}:v${KUBERNETES_VERSION}$`))
    }
  })

  it('has the ranges that the lab expects, and one variable for those of pods', async () => {
    const flag = async (name: string, variables: Record<string, string> = {}) => {
      const { command } = (await readCompose({ STATE: '/state', ...variables })).get(
        'kube-controller-manager',
      )!
      return command.find((word) => word.startsWith(`--${name}=`))?.split('=')[1]
    }
    expect(await flag('cluster-cidr')).to.equal(CLUSTER_CIDRS.join(','))
    expect(await flag('service-cluster-ip-range')).to.equal(SERVICE_CIDRS.join(','))
    expect(await flag('cluster-cidr', { CLUSTER_CIDR: '10.9.0.0/16' })).to.equal('10.9.0.0/16')
    expect(await flag('allocate-node-cidrs')).to.equal('true')
  })

  it('leaves no path of a container in a command line', async () => {
    for (const [name, { command }] of await readCompose({ STATE: '/state' })) {
      const inside = command.slice(1).filter((word) => /=\/(etc|var)\//.test(word))
      if (name !== 'certificates') expect(inside, name).to.deep.equal([])
    }
  })
})

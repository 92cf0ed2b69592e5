import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { connectOutside } from './cni-outside.ts'
import { buildPlugins, command, NetnsWorld } from './cni-world.ts'

const NETWORK = 'pods'

/** Of podman's, with our plugins, and nothing of this machine's. */
const settings = (root: string, plugins: string) => `
[network]
network_backend = "cni"
cni_plugin_dirs = ["${plugins}"]
network_config_dir = "${root}/net.d"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`

const conflist = (data: string) => ({
  cniVersion: '0.4.0',
  name: NETWORK,
  plugins: [
    {
      type: 'bridge',
      bridge: 'pods0',
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: data,
        routes: [{ dst: '0.0.0.0/0' }],
        ranges: [[{ subnet: '10.99.0.0/24' }]],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

describe('CNI plugins under podman', () => {
  let plugins = ''
  let world: NetnsWorld
  let root = ''
  before(() => {
    plugins = buildPlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins)
    root = join(dirname(world.data), 'podman')
    command('ip', '-n', world.host, 'link', 'set', 'lo', 'up')
    world.write(join(root, 'containers.conf'), settings(root, plugins))
    world.write(join(root, `net.d/${NETWORK}.conflist`), JSON.stringify(conflist(world.data)))
    makeRoot(join(root, 'rootfs'))
  })
  afterEach(() => {
    podman('rm', '--all', '--force', '--time', '0')
    world.dispose()
  })

  /** The file system of a container that serves a file. */
  function makeRoot(path: string): void {
    for (const directory of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'www'])
      mkdirSync(join(path, directory), { recursive: true })
    command('cp', '/bin/busybox', join(path, 'bin/busybox'))
    for (const name of ['httpd', 'ip']) symlinkSync('busybox', join(path, 'bin', name))
    writeFileSync(join(path, 'www/index.html'), 'served\n')
  }

  /** In the host's network namespace, with everything of podman's in the test's directory. */
  function podman(...args: string[]): string {
    const own = ['--root', `${root}/storage`, '--runroot', `${root}/run`, '--tmpdir', `${root}/tmp`]
    const line = [`--net=/var/run/netns/${world.host}`, 'podman', ...own, '--storage-driver', 'vfs', ...args]
    const env = { ...process.env, CONTAINERS_CONF: join(root, 'containers.conf') }
    const { status, stdout, stderr } = spawnSync('nsenter', line, { env, encoding: 'utf8', timeout: 30_000 })
    if (status !== 0) throw new Error(`podman ${args[0]}: ${stderr}`)
    return stdout.trim()
  }

  const fetch = (from: string, url: string) =>
    spawnSync('ip', ['netns', 'exec', from, 'curl', '-s', '-m', '3', url], { encoding: 'utf8' }).stdout

  it('connects a container, maps its hostPort to outside, and takes everything back', () => {
    const outside = connectOutside(world)
    podman(
      ...['run', '-d', '--name', 'web', '--network', NETWORK, '-p', '8088:80'],
      ...['--security-opt', 'seccomp=unconfined', '--rootfs', join(root, 'rootfs')],
      ...['httpd', '-f', '-p', '80', '-h', '/www'],
    )
    const address = podman('inspect', 'web', '--format', `{{.NetworkSettings.Networks.${NETWORK}.IPAddress}}`)
    expect(address).to.equal('10.99.0.2')
    expect(world.list(join(world.data, NETWORK))).to.include(address)
    expect(podman('exec', 'web', 'ip', '-4', 'addr', 'show', 'eth0')).to.include(`inet ${address}/24`)
    expect(fetch(world.host, `http://${address}/index.html`)).to.equal('served\n')
    expect(fetch(outside, 'http://192.0.2.1:8088/index.html'), 'hostPort').to.equal('served\n')
    podman('rm', '--force', '--time', '0', 'web')
    expect(world.list(join(world.data, NETWORK))).not.to.include(address)
    expect(world.links('host').filter((link) => link.kind === 'veth' && link.name !== 'up0')).to.deep.equal(
      [],
    )
    expect(fetch(outside, 'http://192.0.2.1:8088/index.html')).to.equal('')
  })
})

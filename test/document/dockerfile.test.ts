/** deploy/Dockerfile, whole, by a container engine: what somebody gets who builds the image without the lab. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { REPOSITORY } from '../../lab/images/dist.ts'
import { Processes } from '../../lab/processes.ts'
import { Engine } from './engine.ts'
import { IMAGE_LIMIT } from './image-limit.ts'

const RUNTIME_IMAGE = 'podroute-test/debian'
const BUILD_IMAGE = 'podroute-test/node'
const IMAGE = 'localhost/podroute:test'

/** node:24-trixie, as far as a build sees it, with the authorities that this machine trusts. */
const NODE = `FROM ${RUNTIME_IMAGE}
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
 && apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
`

describe('deploy/Dockerfile', () => {
  const resources = new AsyncDisposableStack()
  let engine: Engine

  before(async function () {
    this.timeout(600_000)
    const directory = await mkdtemp(join(tmpdir(), 'podroute-dockerfile-'))
    resources.defer(() => rm(directory, { recursive: true, force: true }))
    const processes = new Processes(directory, true)
    resources.defer(() => processes.stop())
    engine = resources.use(await Engine.start(processes))
    await engine.importBase(RUNTIME_IMAGE)
    const context = join(directory, 'node')
    const npm = join((await run('sh', ['-c', 'realpath "$(command -v npm)"'])).trim(), '../..')
    await cp(npm, join(context, 'npm'), { recursive: true })
    await cp(process.execPath, join(context, 'node'), { dereference: true })
    await cp('/etc/ssl/certs/ca-certificates.crt', join(context, 'ca-certificates.crt'))
    await writeFile(join(context, 'Dockerfile'), NODE)
    await engine.docker(['build', '-q', '--network=host', '-t', BUILD_IMAGE, context])
    const images = [`BUILD_IMAGE=${BUILD_IMAGE}`, `RUNTIME_IMAGE=${RUNTIME_IMAGE}`]
    const parameters = images.flatMap((image) => ['--build-arg', image])
    const dockerfile = join(REPOSITORY, 'deploy/Dockerfile')
    await engine.docker([
      'build',
      '-q',
      '--network=host',
      ...parameters,
      '-f',
      dockerfile,
      '-t',
      IMAGE,
      REPOSITORY,
    ])
  })

  after(() => resources.disposeAsync())

  const inImage = (entry: string, ...args: string[]) =>
    engine.docker(['run', '--rm', '--network=none', '--read-only', '--entrypoint', entry, IMAGE, ...args])

  it('makes an image of at most 150 MB', async () => {
    const size = Number(await engine.docker(['image', 'inspect', '--format', '{{.Size}}', IMAGE]))
    expect(size)
      .to.be.lessThanOrEqual(IMAGE_LIMIT)
      .and.greaterThan(IMAGE_LIMIT / 2)
  })

  it('makes an image whose agent, command line, nft and plugins run', async () => {
    const { version } = JSON.parse(await run('cat', [join(REPOSITORY, 'package.json')])) as {
      version: string
    }
    expect(await inImage('podroute', '--version')).to.include(version)
    expect(await inImage('nft', '--version')).to.match(/^nftables v/)
    const plugins = '/opt/podroute/cni/podroute-cni 2>&1 || true'
    expect(await inImage('/bin/sh', '-c', plugins)).to.include('podroute-cni install')
    expect(await engine.docker(['run', '--rm', '--network=none', IMAGE, '--help'])).to.include('--node-name')
  })
})

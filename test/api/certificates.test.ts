import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { makePki } from '../../lab/pki.ts'

const PROGRAM = join(import.meta.dirname, '../../lab/pki.ts')

describe('certificates of the control plane', function () {
  this.timeout(30_000)
  let directory: string
  const file = (name: string) => readFile(join(directory, name), 'utf8')
  const make = (more: {
    addresses?: readonly string[]
    nodes?: readonly string[]
    serviceCidrs?: readonly string[]
  }) => makePki({ directory, addresses: ['192.0.2.1'], nodes: [], server: 'https://192.0.2.1:6443', ...more })

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podroute-pki-'))
    await make({})
  })
  after(() => rm(directory, { recursive: true }))

  it('stay as they are when all are there', async () => {
    const before = await file('apiserver.crt')
    expect(await make({})).to.deep.equal([])
    expect(await file('apiserver.crt')).to.equal(before)
  })

  it('get another address under the same authority and key, and the others stay', async () => {
    const [authority, key, admin] = [
      await file('ca.crt'),
      await file('apiserver.key'),
      await file('admin.crt'),
    ]
    expect(await make({ addresses: ['192.0.2.9', '2001:db8::9'] })).to.deep.equal(['apiserver'])
    const certificate = new X509Certificate(await file('apiserver.crt'))
    for (const address of ['192.0.2.9', '2001:db8::9'])
      expect(certificate.checkIP(address), address).to.equal(address)
    expect(certificate.verify(new X509Certificate(authority).publicKey)).to.equal(true)
    expect([await file('ca.crt'), await file('apiserver.key'), await file('admin.crt')]).to.deep.equal([
      authority,
      key,
      admin,
    ])
  })

  it('name the first address of each range of Services', async () => {
    await make({ serviceCidrs: ['10.99.3.7/20', 'fd12::5:0/112'] })
    const certificate = new X509Certificate(await file('apiserver.crt'))
    for (const address of ['10.99.0.1', 'fd12::5:1'])
      expect(certificate.checkIP(address), address).to.equal(address)
  })

  it('are made for a node that comes later', async () => {
    expect(await make({ serviceCidrs: ['10.99.0.0/20'], nodes: ['node-9'] })).to.include('node-9')
    const { users } = JSON.parse(await file('node-9.kubeconfig'))
    expect(users[0].user).to.have.all.keys('client-certificate-data', 'client-key-data')
    expect(new X509Certificate(await file('node-9.crt')).subject).to.equal(
      'O=system:nodes\nCN=system:node:node-9',
    )
  })

  it('are for this machine’s own addresses where none is given', async () => {
    const output = await run(process.execPath, [PROGRAM, '--out', directory, '--address='])
    const [, address] = /^API server: https:\/\/(.*):6443$/m.exec(output) ?? []
    expect(address, output).to.be.a('string')
    expect(
      new X509Certificate(await file('apiserver.crt')).checkIP(address!.replace(/[[\]]/g, '')),
    ).to.not.equal(undefined)
  })
})

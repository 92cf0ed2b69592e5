// The cluster's certificates and kubeconfigs, made with the openssl program. As a program of its own it serves
// docker-compose.yaml: node lab/pki.ts --out DIR [--address ADDRESS]… [--service-cidr RANGE,…] [--node NAME]…
// Compose's variables API_ADDRESS and SERVICE_CIDR stand for the options; API_PORT is the API server's port.

import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

const execute = promisify(execFile)

const DAYS = 365
/** A certificate that ends sooner is made anew. */
const LEAST_DAYS = 30
const DAY = 24 * 60 * 60 * 1000
const SERVICE_CIDRS = ['10.96.0.0/16', 'fd10:96::/112']

interface CertificateRequest {
  /** File name without extension. */
  readonly name: string
  readonly commonName: string
  readonly organization?: string
  /** Names and addresses of a server; absent: a client's certificate. */
  readonly subjectAlternativeNames?: readonly string[]
}

export interface PkiOptions {
  readonly directory: string
  /** Addresses at which clients reach the API server. */
  readonly addresses: readonly string[]
  /** Ranges of the ClusterIPs: the API server has the first address of each. */
  readonly serviceCidrs?: readonly string[]
  readonly nodes: readonly string[]
  /** URL in the kubeconfigs. */
  readonly server: string
}

const CLIENTS: readonly CertificateRequest[] = [
  { name: 'admin', commonName: 'podroute-admin', organization: 'system:masters' },
  { name: 'kube-controller-manager', commonName: 'system:kube-controller-manager' },
  { name: 'kube-scheduler', commonName: 'system:kube-scheduler' },
  { name: 'apiserver-kubelet-client', commonName: 'kube-apiserver', organization: 'system:masters' },
  { name: 'front-proxy-client', commonName: 'front-proxy-client' },
]

async function openssl(directory: string, args: readonly string[]): Promise<void> {
  await execute('openssl', [...args], { cwd: directory })
}

async function newKey(directory: string, name: string): Promise<void> {
  if (existsSync(join(directory, `${name}.key`))) return
  await openssl(directory, ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`])
}

async function makeAuthority(directory: string): Promise<void> {
  if (existsSync(join(directory, 'ca.crt'))) return
  await newKey(directory, 'ca')
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,digitalSignature']
  await openssl(directory, [
    'req',
    '-x509',
    '-new',
    '-key',
    'ca.key',
    '-subj',
    '/CN=podroute-lab',
    ...usage,
    '-days',
    `${DAYS}`,
    '-out',
    'ca.crt',
  ])
}

/** Whether the folder has a key and a certificate for it, of this authority, with this subject and all these names, that does not end soon. */
async function hasCertificate(directory: string, request: CertificateRequest): Promise<boolean> {
  const { name, commonName, organization, subjectAlternativeNames: names = [] } = request
  const text = await readFile(join(directory, `${name}.crt`)).catch(() => undefined)
  if (text === undefined || !existsSync(join(directory, `${name}.key`))) return false
  const certificate = new X509Certificate(text)
  const authority = new X509Certificate(await readFile(join(directory, 'ca.crt')))
  const subject = [...(organization === undefined ? [] : [`O=${organization}`]), `CN=${commonName}`].join(
    '\n',
  )
  return (
    certificate.verify(authority.publicKey) &&
    certificate.subject === subject &&
    Date.parse(certificate.validTo) > Date.now() + LEAST_DAYS * DAY &&
    names.every((wanted) => isNamed(certificate, wanted))
  )
}

/** Whether the certificate's subjectAltName has a name. @param wanted `DNS:localhost`, `IP:10.96.0.1` */
function isNamed(certificate: X509Certificate, wanted: string): boolean {
  const [kind, name] = [wanted.slice(0, wanted.indexOf(':')), wanted.slice(wanted.indexOf(':') + 1)]
  return (kind === 'IP' ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined
}

/** Returns whether there was none, or one for something else. */
async function makeCertificate(directory: string, request: CertificateRequest): Promise<boolean> {
  if (await hasCertificate(directory, request)) return false
  const { name, commonName, organization, subjectAlternativeNames: names } = request
  const subject = `${organization === undefined ? '' : `/O=${organization}`}/CN=${commonName}`
  const extensions = [
    'basicConstraints=CA:FALSE',
    `extendedKeyUsage=${names === undefined ? 'clientAuth' : 'serverAuth'}`,
    ...(names === undefined ? [] : [`subjectAltName=${names.join(',')}`]),
  ]
  await newKey(directory, name)
  await writeFile(join(directory, `${name}.ext`), `${extensions.join('\n')}\n`)
  await openssl(directory, ['req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`])
  await openssl(directory, [
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-set_serial'],
    ...[`0x${Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex')}`],
    ...['-days', `${DAYS}`, '-extfile', `${name}.ext`, '-out', `${name}.new`],
  ])
  await rename(join(directory, `${name}.new`), join(directory, `${name}.crt`))
  await rm(join(directory, `${name}.ext`))
  await rm(join(directory, `${name}.csr`))
  return true
}

function apiServer(addresses: readonly string[], serviceCidrs: readonly string[]): CertificateRequest {
  const names = [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ]
  const all = [...new Set(['127.0.0.1', '::1', ...serviceCidrs.map(firstAddress), ...addresses])]
  return {
    name: 'apiserver',
    commonName: 'kube-apiserver',
    subjectAlternativeNames: [
      ...names.map((name) => `DNS:${name}`),
      ...all.map((address) => `IP:${address}`),
    ],
  }
}

/** The one that the Service `kubernetes` gets. This file runs in a container that has no other package: no library knows ranges here. */
function firstAddress(range: string): string {
  const [network = '', length = ''] = range.split('/')
  const v6 = network.includes(':')
  const [size, width, base] = v6 ? [8, 16, 16] : [4, 8, 10]
  const [left = '', right] = network.split('::')
  const partsOf = (text: string) => (text === '' ? [] : text.split(v6 ? ':' : '.'))
  const [before, after] = [partsOf(left), partsOf(right ?? '')]
  const gap = Array<string>(Math.max(0, size - before.length - after.length)).fill('0')
  const bits = [...before, ...gap, ...after].reduce(
    (value, part) => (value << BigInt(width)) | BigInt(Number.parseInt(part, base)),
    0n,
  )
  const host = BigInt(size * width - Number(length))
  const address = ((bits >> host) << host) + 1n
  const parts = Array.from(
    { length: size },
    (_, i) => (address >> BigInt(width * (size - 1 - i))) & ((1n << BigInt(width)) - 1n),
  )
  return parts.map((part) => part.toString(base)).join(v6 ? ':' : '.')
}

async function writeKubeconfig(directory: string, name: string, server: string): Promise<void> {
  const base64 = async (file: string) => (await readFile(join(directory, file))).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: name } }],
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority-data': await base64('ca.crt') } }],
    users: [
      {
        name,
        user: {
          'client-certificate-data': await base64(`${name}.crt`),
          'client-key-data': await base64(`${name}.key`),
        },
      },
    ],
  }
  // JSON is YAML.
  await writeFile(join(directory, `${name}.kubeconfig`), `${JSON.stringify(config, null, 2)}\n`, {
    mode: 0o600,
  })
}

/**
 * Fills a folder with ca, apiserver, clients' and kubelets' certificates, the service account key pair and a kubeconfig for each client. The
 * authority and all keys stay as they are once they are there; what is missing, ends soon or has other names is made. Returns what was.
 */
export async function makePki(options: PkiOptions): Promise<readonly string[]> {
  const { directory, addresses, nodes, server, serviceCidrs = SERVICE_CIDRS } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await makeAuthority(directory)
  const kubelets = nodes.map((node) => ({
    name: node,
    commonName: `system:node:${node}`,
    organization: 'system:nodes',
  }))
  const requests = [apiServer(addresses, serviceCidrs), ...CLIENTS, ...kubelets]
  const made = await Promise.all(requests.map((request) => makeCertificate(directory, request)))
  await newKey(directory, 'service-account')
  await openssl(directory, ['ec', '-in', 'service-account.key', '-pubout', '-out', 'service-account.pub'])
  const users = ['admin', 'kube-controller-manager', 'kube-scheduler', ...nodes]
  await Promise.all(users.map((name) => writeKubeconfig(directory, name, server)))
  return requests.flatMap(({ name }, index) => (made[index] ? [name] : []))
}

/** This machine's addresses, the one that it sends from to the rest of the world first, as kube-apiserver chooses it. */
async function ownAddresses(): Promise<string[]> {
  const all = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses
      .filter(({ internal, address }) => !internal && !address.startsWith('fe80'))
      .map(({ address }) => address),
  )
  const first = await sourceAddress()
  return [...new Set([...(first === undefined ? [] : [first]), ...all])]
}

/** Nothing is sent: to connect a datagram socket asks for the route only. The address is one for documentation (RFC 5737). */
async function sourceAddress(): Promise<string | undefined> {
  const socket = createSocket('udp4')
  try {
    socket.connect(9, '192.0.2.1')
    await once(socket, 'connect')
    return socket.address().address
  } catch {
    return undefined
  } finally {
    socket.close()
  }
}

const USAGE = 'usage: node lab/pki.ts --out DIR [--address ADDRESS]… [--service-cidr RANGE,…] [--node NAME]…'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      // Empty where docker-compose.yaml is given none.
      address: { type: 'string', multiple: true, default: [process.env.API_ADDRESS ?? ''] },
      'service-cidr': { type: 'string', default: process.env.SERVICE_CIDR || SERVICE_CIDRS.join() },
      node: { type: 'string', multiple: true, default: [] },
    },
  })
  if (values.out === undefined) throw new Error(USAGE)
  const given = values.address.filter((address) => address !== '')
  const addresses = given.length > 0 ? given : await ownAddresses()
  const [first = '127.0.0.1'] = addresses
  const server = `https://${first.includes(':') ? `[${first}]` : first}:${process.env.API_PORT || '6443'}`
  const made = await makePki({
    ...{ directory: values.out, addresses, nodes: values.node, server },
    serviceCidrs: values['service-cidr'].split(','),
  })
  process.stdout.write(`API server: ${server}\n`)
  process.stdout.write(made.length === 0 ? 'all certificates are there\n' : `made: ${made.join(', ')}\n`)
}

if (import.meta.main) await main()

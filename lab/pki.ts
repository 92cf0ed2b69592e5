// The cluster's certificates and kubeconfigs, made with the openssl program. As a program of its own it serves
// docker-compose.yaml: node lab/pki.ts --out DIR --address ADDRESS…

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

const execute = promisify(execFile)

const DAYS = 365

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
  await openssl(directory, ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`])
}

async function makeAuthority(directory: string): Promise<void> {
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

async function makeCertificate(directory: string, request: CertificateRequest): Promise<void> {
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
    ...['-days', `${DAYS}`, '-extfile', `${name}.ext`, '-out', `${name}.crt`],
  ])
  await rm(join(directory, `${name}.ext`))
  await rm(join(directory, `${name}.csr`))
}

function apiServer(addresses: readonly string[]): CertificateRequest {
  const names = [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ]
  const all = [...new Set(['127.0.0.1', '::1', '10.96.0.1', 'fd10:96::1', ...addresses])]
  return {
    name: 'apiserver',
    commonName: 'kube-apiserver',
    subjectAlternativeNames: [
      ...names.map((name) => `DNS:${name}`),
      ...all.map((address) => `IP:${address}`),
    ],
  }
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
 * Fills a folder with ca, apiserver, clients' and kubelets' certificates, the service account key pair and a
 * kubeconfig for each client. A folder that has them is left as it is.
 */
export async function makePki({ directory, addresses, nodes, server }: PkiOptions): Promise<void> {
  if (existsSync(join(directory, 'complete'))) return
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await makeAuthority(directory)
  const kubelets = nodes.map((node) => ({
    name: node,
    commonName: `system:node:${node}`,
    organization: 'system:nodes',
  }))
  await Promise.all(
    [apiServer(addresses), ...CLIENTS, ...kubelets].map((request) => makeCertificate(directory, request)),
  )
  await newKey(directory, 'service-account')
  await openssl(directory, ['ec', '-in', 'service-account.key', '-pubout', '-out', 'service-account.pub'])
  const users = ['admin', 'kube-controller-manager', 'kube-scheduler', ...nodes]
  await Promise.all(users.map((name) => writeKubeconfig(directory, name, server)))
  await writeFile(join(directory, 'complete'), '')
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      address: { type: 'string', multiple: true, default: ['127.0.0.1'] },
      node: { type: 'string', multiple: true, default: [] },
    },
  })
  if (values.out === undefined)
    throw new Error('usage: node lab/pki.ts --out DIR [--address ADDRESS]… [--node NAME]…')
  const [first] = values.address
  const host = first!.includes(':') ? `[${first}]` : first
  await makePki({
    directory: values.out,
    addresses: values.address,
    nodes: values.node,
    server: `https://${host}:6443`,
  })
}
